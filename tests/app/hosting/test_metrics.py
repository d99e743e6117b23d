"""Figures: calls, refusals, queue, seconds, memory."""

import logging

import gradio as gr
import pytest
from gradio.data_classes import PredictBodyInternal
from gradio.queueing import Event
from gradio.server_messages import ProcessCompletedMessage, ProcessStartsMessage
from prometheus_client.parser import text_string_to_metric_families

from reco_app.hosting.metrics import Metrics
from reco_app.messages import sentence
from reco_core.errors import PhotoError


@pytest.fixture
def metrics() -> Metrics:
    made = Metrics()
    logging.getLogger("reco_app").addHandler(made)
    yield made
    logging.getLogger("reco_app").removeHandler(made)


def figures(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """By name and labels, but for buckets."""
    families = text_string_to_metric_families(metrics.text().decode())
    samples = [sample for family in families for sample in family.samples if "le" not in sample.labels]
    return {(sample.name, *sample.labels.values()): sample.value for sample in samples}


def test_calls_are_counted_by_what_their_callers_are_told(metrics, monkeypatch):
    with gr.Blocks() as blocks:
        gr.Button().click(lambda: None, api_name="segment")
    told, queue = [], blocks._queue
    monkeypatch.setattr(queue, "send_message", lambda event, message: told.append(message))
    metrics.watch(blocks)
    (function,) = blocks.fns.values()
    for success in (True, True, False):
        event = Event("session", function, None, "ada")
        event.data = PredictBodyInternal(data=["my dog"])
        queue.send_message(event, ProcessStartsMessage())
        queue.send_message(event, ProcessCompletedMessage(output={}, success=success))
    assert len(told) == 6
    seen = figures(metrics)
    assert seen["reco_requests_total", "segment", "done"] == 2
    assert seen["reco_requests_total", "segment", "failed"] == 1
    assert seen["reco_seconds_count", "segment"] == seen["reco_wait_seconds_count",] == 3
    assert seen["reco_queue",] == seen["reco_running",] == 0
    assert seen["process_resident_memory_bytes",] > 1e7
    for secret in ("ada", "dog", "session"):
        assert secret not in metrics.text().decode()


def test_refusals_are_counted_by_kind_and_logged_without_words(metrics, caplog):
    caplog.set_level(logging.INFO)
    sentence(PhotoError("dog.jpg is damaged", given="dog.jpg"))
    sentence(ZeroDivisionError("no refusal"))
    metrics.replied(503)
    seen = figures(metrics)
    assert seen["reco_refusals_total", "PhotoError"] == 1
    assert len([name for name, *_ in seen if name == "reco_refusals_total"]) == 1
    assert seen["reco_replies_total", "503"] == 1
    assert "refused" in caplog.messages and "dog" not in caplog.text
