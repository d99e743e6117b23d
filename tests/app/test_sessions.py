"""What visitors own is kept for an hour after they last used it, and then deleted, whatever it is."""

import time
from types import SimpleNamespace

import gradio as gr
import pytest
from gradio import state_holder
from gradio.state_holder import StateHolder
from support.sessions import Clock, states

from reco_app.adapt.session import TrainingSession
from reco_app.app import build_app
from reco_app.context import AppContext
from reco_app.jobs.training_job import TrainingJob
from reco_app.visitor.uploads import Uploads
from reco_app.visitor.user_photos import UserPhotos
from reco_core.adaptation.job import Job
from reco_core.errors import Cancelled

HOUR = 3600
BORROWED = {  # what events use without keeping it longer
    ("run", "user photos"),  # of many photos
    ("learned", "user photos"),  # follows `remove`
    ("save", "user photos"),
    ("take", "user photos"),  # a page of names, after the `run` that kept it
    ("cancel", "user photos"),
    ("begin_adding", "user photos"),  # before `add` or `load`, which keep it
    ("end_adding", "user photos"),
    ("cancel", "training"),
    ("finish", "training"),
}


@pytest.fixture
def clock(monkeypatch) -> type[Clock]:
    monkeypatch.setattr(Clock, "passed", 0.0)
    monkeypatch.setattr(state_holder, "datetime", SimpleNamespace(datetime=Clock))
    return Clock


@pytest.fixture
def blocks(context) -> gr.Blocks:
    return build_app(context)


@pytest.fixture
def holder(blocks) -> StateHolder:
    fresh = StateHolder()
    blocks.state_session_capacity = 5
    fresh.set_blocks(blocks)
    return fresh


def test_every_state_that_owns_files_is_one_of_four(blocks):
    found = {block._id for block in blocks.blocks.values() if isinstance(block, gr.State)}
    owning = set(states(blocks).values())
    assert len(owning) == 4
    assert len(found - owning) == 1  # what a link asks for, which is only words


@pytest.mark.parametrize("what", ["user photos", "result", "discovery", "training"])
def test_it_is_closed_when_nobody_used_it_for_an_hour(blocks, holder, clock, what):
    closed = []
    kept = SimpleNamespace(close=lambda: closed.append(what))
    number = states(blocks)[what]
    holder["someone"][number] = kept
    clock.passed += HOUR - 1
    holder.delete_all_expired_state()
    holder["someone"][number] = kept  # used again
    clock.passed += HOUR - 1
    holder.delete_all_expired_state()
    assert not closed
    clock.passed += 2
    holder.delete_all_expired_state()
    assert closed == [what]
    assert holder["someone"][number] is None


def test_nothing_to_close_is_no_error(blocks, holder, clock):
    for number in states(blocks).values():
        holder["someone"][number] = None
    clock.passed += HOUR + 1
    holder.delete_all_expired_state()


def test_whatever_uses_it_keeps_it(blocks):
    """Gradio counts from when an event last gave it back."""
    held, borrowed = states(blocks), set()
    for fn in blocks.fns.values():
        given, back = ({block._id for block in side} for side in (fn.inputs, fn.outputs))
        borrowed |= {(fn.name, what) for what, number in held.items() if number in given - back}
    assert borrowed == BORROWED


def test_photos_and_jobs_go_with_their_sessions(blocks, holder, clock, context: AppContext, cup_photos):
    def adapt(*_, control, **__) -> None:
        while not control.cancelled:
            time.sleep(0.01)
        raise Cancelled("stopped")

    photos, uploads = UserPhotos(), Uploads([str(cup_photos[0])])
    photos.add(uploads)
    job = TrainingJob(adapt, Job(("cat",)), context.cache)
    job.take(uploads)
    number = states(blocks)
    holder["someone"][number["user photos"]] = photos
    holder["someone"][number["training"]] = TrainingSession(context.queue, job)
    clock.passed += HOUR + 1
    holder.delete_all_expired_state()
    while not job.over:
        time.sleep(0.01)
    assert isinstance(job.problem, Cancelled)
    assert not photos.folder.exists()
    assert not job.folder.exists()
    assert not job.zip.parent.exists()
