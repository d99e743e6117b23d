"""Figures of a server in Prometheus' text format. No label holds anything of a visitor."""

import logging
import time
from weakref import WeakKeyDictionary

import gradio as gr
from gradio.queueing import Event, Queue
from gradio.server_messages import EventMessage, ProcessCompletedMessage, ProcessStartsMessage
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from reco_app.hosting.logs import note

SECONDS = (0.1, 0.3, 1, 2, 3, 5, 10, 20, 30, 60, 120, 300)
REFUSED = "refused"  # what the log says of one, with its `kind`


class Metrics(logging.Handler):
    """Counts of one server. Refusals are counted as they are logged."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)  # memory, processor time, open files
        call = ["call"]
        self.requests = Counter("reco_requests", "Calls that ended, by how", ["call", "outcome"], registry=registry)
        self.seconds = Histogram("reco_seconds", "From its turn to its end", call, buckets=SECONDS, registry=registry)
        self.waits = Histogram("reco_wait_seconds", "From asking to its turn", buckets=SECONDS, registry=registry)
        self.refusals = Counter("reco_refusals", "What was not done, with a sentence", ["kind"], registry=registry)
        self.replies = Counter("reco_replies", "HTTP replies", ["status"], registry=registry)
        self.queue = Gauge("reco_queue", "Calls that wait", registry=registry)
        self.running = Gauge("reco_running", "Calls whose turn it is", registry=registry)
        self._turns: WeakKeyDictionary[Event, float] = WeakKeyDictionary()  # when each event's turn came

    def watch(self, blocks: gr.Blocks) -> None:
        """Count the calls of an app's queue, by what it tells their callers."""
        queue, tell = blocks._queue, blocks._queue.send_message
        self.queue.set_function(lambda: len(queue))
        self.running.set_function(lambda: active(queue))

        def told(event: Event, message: EventMessage) -> None:
            self._heard(event, message)
            tell(event, message)

        queue.send_message = told  # type: ignore[method-assign, assignment]

    def _heard(self, event: Event, message: EventMessage) -> None:
        now = time.monotonic()
        if isinstance(message, ProcessStartsMessage):
            self.waits.observe(now - event.enqueue_time)
            self._turns[event] = now
        elif isinstance(message, ProcessCompletedMessage):
            call, outcome = str(event.fn.api_name), "done" if message.success else "failed"
            seconds = now - self._turns.pop(event, now)
            self.requests.labels(call, outcome).inc()
            self.seconds.labels(call).observe(seconds)
            level = logging.DEBUG if event.concurrency_id == "light" and message.success else logging.INFO
            note("called", level, call=call, outcome=outcome, seconds=seconds)

    def emit(self, record: logging.LogRecord) -> None:
        """A line was logged; one about a refusal is counted."""
        if record.msg == REFUSED:
            kind = getattr(record, "fields", {}).get("kind", "Error")
            self.refusals.labels(kind).inc()

    def replied(self, status: int) -> None:
        """An HTTP reply begins."""
        self.replies.labels(str(status)).inc()

    def text(self) -> bytes:
        """All figures."""
        return generate_latest(self.registry)


def active(queue: Queue) -> int:
    """How many calls have their turn now."""
    return sum(lane.current_concurrency for lane in queue.event_queue_per_concurrency_id.values())
