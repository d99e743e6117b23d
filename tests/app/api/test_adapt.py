"""Training by jobs that programs ask about."""

import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace

import gradio as gr
import httpx
import pytest
from support.api_page import BLOCKS, lay_out, run

from reco_app.adapt.handlers import AdaptHandlers
from reco_app.api.adapt import AdaptEndpoints
from reco_app.api.endpoint import endpoint
from reco_app.limits import Limits


@pytest.fixture
def jobs(context, monkeypatch) -> Iterator[AdaptEndpoints]:
    """Endpoints whose jobs wait for ever."""
    monkeypatch.setattr(context.queue, "_start", lambda: None)
    yield AdaptEndpoints(context, AdaptHandlers(context))
    context.queue._jobs.clear()  # a queue that ends waits for jobs that run


def call(function: Callable, *given: object) -> dict:
    return endpoint(function)(*given)


def refused(function: Callable, *given: object) -> tuple[str, str]:
    with pytest.raises(gr.Error) as caught:
        endpoint(function)(*given)
    return caught.value.title, caught.value.message


def test_a_job_is_known_by_its_id_alone(jobs, encoded):
    begun = call(jobs.adapt, [encoded, "bm90aGluZw=="], "cat, red wall", False, 50)
    assert (begun["stage"], begun["before"], begun["problem"]) == ("waiting", 0, None)
    assert [one["photo"] for one in begun["left_out"]] == ["photo 2"]
    assert "red" in begun["remarks"][0]
    assert len(begun["job"]) >= 20
    job = jobs.queue.find(begun["job"])
    assert call(jobs.adapt_status, begun["job"]).items() <= begun.items()
    assert refused(jobs.adapt_result, begun["job"])[1].startswith("The job is not done yet")
    assert call(jobs.adapt_cancel, begun["job"]) == {"cancelled": True}
    assert job.cancelled
    for asked in (jobs.adapt_status, jobs.adapt_result, jobs.adapt_cancel):
        assert refused(asked, begun["job"])[0] == "Not Found"


def test_asking_keeps_a_job(jobs, encoded):
    ticket = call(jobs.adapt, [encoded], "cat")["job"]
    job = jobs.queue.find(ticket)
    job.asked -= 1000
    assert job.cancelled
    call(jobs.adapt_status, ticket)
    assert not job.cancelled


def test_a_job_that_is_over_is_let_go(jobs, encoded):
    ticket = call(jobs.adapt, [encoded], "cat")["job"]
    job = jobs.queue.find(ticket)
    job.cancel()
    job.end()
    assert "cancelled" in call(jobs.adapt_status, ticket)["problem"]
    job.asked -= Limits().keep_seconds + 1
    assert refused(jobs.adapt_status, ticket)[0] == "Not Found"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (([], "cat"), "There are no photos"),
        ((["bm90aGluZw=="], "cat"), "None of these files is a photo"),
        ((None, "cat"), "Photos is missing"),
        (("x", "cat"), "Photos is not a list"),
        ((["eA=="], ""), "No names were given"),
        ((["eA=="], "cat", False, 49), "Steps is out of range"),
        ((["eA=="], "cat", "yes"), "Everything is not true or false"),
    ],
)
def test_what_cannot_be_begun(jobs, given, why):
    title, said = refused(jobs.adapt, *given)
    assert (title, said[: len(why)]) == ("Bad Request", why)
    assert len(jobs.queue) == 0


def test_too_many_jobs(jobs, encoded):
    jobs.queue.limits = replace(jobs.queue.limits, jobs=1)
    call(jobs.adapt, [encoded], "cat")
    assert "too many jobs" in refused(jobs.adapt, [encoded], "cat")[1].lower()


@pytest.mark.slow
def test_the_example(quick_address, tmp_path):
    """A training from begin to end, as docs/api.md shows it; then one by plain HTTP, which is cancelled."""
    lay_out(tmp_path)
    (code,) = (code for language, code in BLOCKS if language == "python" and "/adapt" in code)
    run(tmp_path, quick_address, "python", code)
    assert any(name.endswith(".onnx") for name in zipfile.ZipFile(tmp_path / "specialist.zip").namelist())
    files = [("photos", (tmp_path / "cat.jpg").read_bytes())]
    begun = httpx.post(f"{quick_address}api/v1/adapt", files=files, data={"names": "cat", "steps": "600"}, timeout=60)
    assert begun.status_code == 200, begun.text
    job = {"job": begun.json()["job"]}
    assert httpx.post(f"{quick_address}api/v1/adapt_cancel", json=job, timeout=60).json() == {"cancelled": True}
    time.sleep(0.5)
    assert httpx.post(f"{quick_address}api/v1/adapt_status", json=job, timeout=60).status_code == 404
