"""Gradio's queue, shared out fairly: so many requests a client, turn by turn, and none that nobody waits for."""

import itertools
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr
from fastapi import HTTPException
from gradio.context import LocalContext
from gradio.queueing import Event, EventQueue, Queue

from reco_app.api.arguments import in_order
from reco_app.clients import Clients, Refused, who
from reco_app.messages import sentence

LIGHT = 10  # times as many quick events may wait as others: a page has several of them when it is opened
QUICK = ("light",)  # lanes of quick events


class FairQueue(Queue):
    """The events of all visitors, by lanes (Gradio's concurrency ids)."""

    def __init__(self, blocks: gr.Blocks, clients: Clients) -> None:
        """blocks: whose queue it takes the place of."""
        before, limits = blocks._queue, clients.limits
        super().__init__(
            live_updates=before.live_updates,
            concurrency_count=before.max_thread_count,
            update_intervals=before.update_intervals,
            max_size=None,
            blocks=blocks,
            default_concurrency_limit=before.default_concurrency_limit,
        )
        self.clients, self.limits = clients, limits
        self._listeners: Counter[str] = Counter()  # by session or event
        self._served: dict[str, int] = {}  # by client, when it last had its turn
        self._turn = itertools.count()

    async def push(self, body: Any, request: Any, username: str | None) -> Any:
        """Put an event in its lane; HTTP 429 with a sentence if its client has to wait."""
        fn = self.blocks.fns.get(body.fn_index)
        try:
            if fn is not None:
                self._admit(str(fn.concurrency_id), address_of(request), body.session_hash)
        except Refused as error:
            raise HTTPException(429, sentence(error), {"Retry-After": str(error.wait)}) from error
        if fn is not None and fn.api_visibility == "public":
            body.data = in_order(body.data, len(fn.inputs))
        return await super().push(body, request, username)

    def get_events(self) -> tuple[list[Event], bool, str] | None:
        """The next event of any lane that has a worker free."""
        lanes = list(self.event_queue_per_concurrency_id.values())
        random.shuffle(lanes)
        for lane in lanes:
            self._forget_unheard(lane)
            if lane.queue and (lane.concurrency_limit is None or lane.current_concurrency < lane.concurrency_limit):
                event = self._fairest(lane)
                if event:
                    lane.queue.remove(event)
                    client = address_of(event.request)
                    self._served.pop(client, None)
                    self._served[client] = next(self._turn)
                    while len(self._served) > 10_000:
                        del self._served[next(iter(self._served))]
                    return [event], False, lane.concurrency_id
        return None

    async def process_events(self, events: list[Event], *how: Any) -> None:
        """Do it. A program's call has a session of its own, which is of no use any more and would drive out others'."""
        await super().process_events(events, *how)
        for event in events:
            if event.session_hash == event._id and (holder := getattr(self.blocks, "state_holder", None)):
                holder.session_data.pop(event._id, None)
                holder.time_last_used.pop(event._id, None)

    @contextmanager
    def listening(self, key: str) -> Iterator[None]:
        """While somebody waits for the answers to a session, or to one event."""
        self._listeners[key] += 1
        try:
            yield
        finally:
            self._listeners[key] -= 1
            if not self._listeners[key]:
                del self._listeners[key]
                if not self.pending_event_ids_session.get(key, True):  # Gradio would keep it for ever
                    del self.pending_event_ids_session[key]

    def known(self, event: str) -> bool:
        """Whether an event's answer can still be fetched."""
        return event in self.event_ids_to_events or any(
            event in ids for ids in list(self.pending_event_ids_session.values())
        )

    def unheard(self, event: Event) -> bool:
        """Whether nobody waits for an event's answer any more."""
        heard = event._id in self._listeners or event.session_hash in self._listeners
        return not event.alive or (not heard and time.monotonic() - event.enqueue_time > self.limits.listen_seconds)

    def _admit(self, lane: str, client: str, session: str | None) -> None:
        """Raises Refused if the client has to wait before it may wait here."""
        if session:
            self.clients.session(client, session)
        events = [event for event in self._all() if (event.concurrency_id in QUICK) == (lane in QUICK)]
        waiting, ours = len(events), [event for event in events if address_of(event.request) == client]
        own = [event for event in ours if event.session_hash == session]
        times = LIGHT if lane in QUICK else 1
        if len(own) >= times * self.limits.waiting or len(ours) >= times * self.limits.client_waiting:
            count = len(own) if len(own) >= times * self.limits.waiting else len(ours)
            raise Refused(f"you have {count} requests waiting here already", self._seconds(ours[:1]))
        if waiting >= times * self.limits.queue:
            raise Refused("too many people are using this server just now", self._seconds(events))

    def _all(self) -> Iterator[Event]:
        for lane in self.event_queue_per_concurrency_id.values():
            yield from lane.queue
        for running in self.active_jobs:
            yield from running or ()

    def _seconds(self, events: list[Event]) -> float:
        """About how long some events take, at least 5."""
        times = self.process_time_per_fn
        return max(5.0, sum(times[event.fn].avg_time for event in events if event.fn in times))

    def _fairest(self, lane: EventQueue) -> Event | None:
        """Of the client whose turn is longest ago; where there are several workers, one is left for others."""
        running = Counter(
            address_of(event.request)
            for job in self.active_jobs
            for event in job or ()
            if event.concurrency_id == lane.concurrency_id
        )
        limit = lane.concurrency_limit
        most = max(1, limit - 1) if limit is not None else None
        waiting = [event for event in lane.queue if most is None or running[address_of(event.request)] < most]
        return min(waiting, key=lambda event: self._served.get(address_of(event.request), -1), default=None)

    def _forget_unheard(self, lane: EventQueue) -> None:
        for event in [event for event in lane.queue if self.unheard(event)]:
            lane.queue.remove(event)
            self.event_ids_to_events.pop(event._id, None)
            self.pending_event_ids_session.get(event.session_hash, set()).discard(event._id)
            if not self.pending_event_ids_session.get(event.session_hash, True):
                del self.pending_event_ids_session[event.session_hash]
                self.pending_messages_per_session.pop(event.session_hash, None)


def address_of(request: Any) -> str:
    """Whose request it is, see `clients.who`. request: FastAPI's or Gradio's; None is of nobody."""
    client = getattr(request, "client", None)
    return who(getattr(client, "host", None))


def nobody_waits() -> bool:
    """Whether nobody waits any more for the answer to the event that this is called in; False outside of events."""
    queue, event = _asked()
    return queue is not None and event is not None and queue.unheard(event)


def asking() -> str:
    """Whose the event is that this is called in, see `clients.who`; "" outside of events."""
    event = _asked()[1]
    return address_of(event.request) if event else ""


def _asked() -> tuple[FairQueue | None, Event | None]:
    queue, number = getattr(LocalContext.blocks.get(None), "_queue", None), LocalContext.event_id.get(None)
    if not isinstance(queue, FairQueue):
        return None, None
    return queue, queue.event_ids_to_events.get(number) if number else None
