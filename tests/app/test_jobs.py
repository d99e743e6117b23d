"""Jobs of the tab Train: their queue, their ends, their files. What is adapted is a stand-in."""

import gc
import io
import shutil
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import skimage.data
from PIL import Image

from reco_app.adapt.session import TrainingSession
from reco_app.clients import Refused
from reco_app.jobs import training_job
from reco_app.jobs.job_queue import JobQueue
from reco_app.jobs.training_job import DONE, FAILED, LABELLING, TRAINING, WAITING, Pace, TrainingJob
from reco_app.limits import Limits
from reco_app.visitor.user_photos import SmallPhoto, shrink
from reco_core.adaptation.crops import Example
from reco_core.adaptation.curve import Curve, Look
from reco_core.adaptation.job import WORK, Job
from reco_core.adaptation.labels import Labelled
from reco_core.adaptation.recipe import QUICK
from reco_core.errors import Cancelled, OptionError, PhotoError
from reco_core.types import LeftOut

SOON = 10.0
FILES = ("README.md", "curve.png", "examples.jpg", "specialist.json", "specialist.onnx", "specialist.safetensors")


class Clock:
    """Stands in for the jobs' `time`; can be put forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead


@pytest.fixture
def clock(monkeypatch) -> Clock:
    fresh = Clock()
    monkeypatch.setattr(training_job, "time", fresh)
    return fresh


def until(said: Callable[[], object]) -> None:
    """Wait for something to be so."""
    end = time.monotonic() + SOON
    while not said():
        assert time.monotonic() < end
        time.sleep(0.005)


class Adapt:
    """Stands in for `adapt`: labels, then learns a step at a time as far as it is let, with a look at every second."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.may = error, threading.Semaphore(0)
        self.waits_for = 0  # the step it may not take yet
        self.calls: list[int] = []

    def __call__(self, source, job, out, *, control, enough, watch):
        self.calls.append(len(source.records))
        folder = out / WORK / "labels-1"
        folder.mkdir(parents=True)
        for i in range(len(source.records)):
            photo = np.asarray(Image.open(source.paths[i]))
            Example.at(folder, f"{i:05d}").write(photo, Labelled(*np.ones((2, *photo.shape[:2]), np.uint8)))
            control.report(LABELLING, i + 1, len(source.records))
        if self.error:
            raise self.error
        curve = Curve()
        for step in range(1, job.recipe.steps + 1):
            self.waits_for = step
            while not self.may.acquire(timeout=0.01):
                if control.cancelled:
                    raise Cancelled("stopped")
            control.report(TRAINING, step, job.recipe.steps)
            if step % 2 == 0:
                curve = Curve((*curve.looks, Look(step, 1 / step, 0.5, 0.6)))
                watch(curve, lambda photo: np.full(photo.shape[:2], 1, np.uint8))
            if curve and enough():
                break
        control.report("exporting", 0, 1)
        for name in FILES:
            (out / name).write_text(name)
        shutil.rmtree(out / WORK)
        return SimpleNamespace(about={"step": step})

    def go_on(self, steps: int = 1000) -> None:
        self.may.release(steps)


@pytest.fixture(scope="module")
def photo() -> SmallPhoto:
    packed = io.BytesIO()
    Image.fromarray(skimage.data.chelsea()[:64, :96]).save(packed, "PNG")
    return shrink("cat.png", packed.getvalue())


@pytest.fixture
def new_job(photo, tmp_path) -> Iterator[Callable[..., TrainingJob]]:
    made = []

    def make(adapt: Adapt, photos: int = 7, steps: int = 4) -> TrainingJob:
        fresh = TrainingJob(adapt, Job(("cat",), replace(QUICK, steps=steps)), tmp_path)
        fresh.take([photo] * photos)
        made.append(adapt)
        return fresh

    yield make
    for adapt in made:
        adapt.go_on()


def gone(job: TrainingJob) -> bool:
    return not job.folder.exists() and not job.zip.parent.exists()


def test_a_job_from_photos_to_zip(new_job, tmp_path):
    adapt, queue = Adapt(), JobQueue()
    session = TrainingSession(queue, new_job(adapt))
    job = session.job
    assert job.folder.stat().st_mode & 0o77 == 0  # nobody else's on this machine
    assert tmp_path not in job.folder.parents
    until(lambda: job.at.stage == LABELLING and job.at.done == 7)
    assert len(job.previews) == 1  # of seven photos one is kept aside
    assert job.previews[0].network is None
    changes = job.changes
    adapt.go_on(2)
    until(lambda: adapt.waits_for == 3)
    assert (job.at.stage, job.at.done, job.at.of) == (TRAINING, 2, 4)
    assert job.previews[0].network.max() == 1
    assert job.changes > changes
    assert 0 < job.seconds_left() < 60
    adapt.go_on()
    until(lambda: job.over)
    assert (job.at.stage, job.problem, job.about) == (DONE, None, {"step": 4})
    assert zipfile.ZipFile(job.zip).namelist() == [f"specialist/{name}" for name in FILES]
    assert not list(job.folder.glob("*.jpg"))  # the photos have done their work
    assert queue.pace == job.pace != Pace()
    session.close()
    assert gone(job)


def test_one_at_a_time_in_order(new_job):
    queue, adapts = JobQueue(), [Adapt() for _ in range(3)]
    sessions = [TrainingSession(queue, new_job(adapt)) for adapt in adapts]
    until(lambda: adapts[0].calls)
    assert [queue.before(session.job)[0] for session in sessions] == [0, 1, 2]
    assert queue.before(sessions[2].job)[1] > queue.before(sessions[1].job)[1] > 0
    assert [session.job.at.stage for session in sessions[1:]] == [WAITING, WAITING]
    for i, adapt in enumerate(adapts):
        assert not any(other.calls for other in adapts[i + 1 :])
        adapt.go_on()
        until(lambda i=i: sessions[i].job.at.stage == DONE)
        until(lambda i=i: all(other.calls for other in adapts[: i + 2]))
        assert len(queue) == 2 - i
    for session in sessions:
        session.close()


def test_cancelling_one_that_waits_and_one_that_runs(new_job):
    queue, adapts = JobQueue(), [Adapt() for _ in range(3)]
    sessions = [TrainingSession(queue, new_job(adapt)) for adapt in adapts]
    until(lambda: adapts[0].calls)
    sessions[1].close()
    assert gone(sessions[1].job)
    assert queue.before(sessions[2].job)[0] == 1
    sessions[0].close()
    until(lambda: sessions[0].job.over)
    assert gone(sessions[0].job)
    for session in sessions[:2]:
        assert session.job.at.stage == FAILED
        assert "the job was cancelled" in str(session.job.problem)
    until(lambda: adapts[2].calls)
    adapts[2].go_on()
    until(lambda: sessions[2].job.at.stage == DONE)
    assert not adapts[1].calls


def test_a_visitor_who_leaves_takes_the_job_along(new_job):
    queue, adapts = JobQueue(), [Adapt() for _ in range(3)]
    sessions = [TrainingSession(queue, new_job(adapt)) for adapt in adapts]
    until(lambda: adapts[0].calls)
    folders = [session.job.folder for session in sessions]
    del sessions[:2]
    gc.collect()
    until(lambda: adapts[2].calls)
    assert not adapts[1].calls
    assert [folder.exists() for folder in folders] == [False, False, True]


@pytest.mark.parametrize("error", [OptionError("it does not converge"), OSError("the disk is full"), MemoryError()])
def test_an_error_ends_one_job_and_not_the_next(new_job, error):
    queue, good = JobQueue(), Adapt()
    bad, fine = TrainingSession(queue, new_job(Adapt(error))), TrainingSession(queue, new_job(good))
    good.go_on()
    until(lambda: fine.job.at.stage == DONE)
    assert (bad.job.at.stage, bad.job.problem) == (FAILED, error)
    assert gone(bad.job)


def test_finish_keeps_the_best_so_far(new_job):
    queue, adapt = JobQueue(), Adapt()
    session = TrainingSession(queue, new_job(adapt, steps=1000))
    session.job.finish()
    assert session.job.finishing
    adapt.go_on()
    until(lambda: session.job.over)
    assert session.job.about == {"step": 2}  # the first look


def test_time_is_bounded(new_job, clock):
    queue, slow, stuck = JobQueue(), Adapt(), Adapt()
    session = TrainingSession(queue, new_job(slow, steps=1000))
    slow.go_on(2)
    until(lambda: slow.waits_for == 3)
    clock.ahead += Limits().job_seconds
    session.job.asked = clock.monotonic()
    slow.go_on(1)
    until(lambda: session.job.over)
    assert session.job.about == {"step": 3}
    session = TrainingSession(queue, new_job(stuck))
    until(lambda: stuck.calls)
    session.job.asked = float("inf")
    clock.ahead += Limits().job_seconds
    until(lambda: session.job.over)
    assert "nothing was learned yet" in str(session.job.problem)
    assert gone(session.job)


def test_the_pace_is_that_of_the_last_job_that_succeeded(new_job):
    queue, good = JobQueue(), Adapt()
    session = TrainingSession(queue, new_job(good))
    good.go_on()
    until(lambda: session.job.over and not len(queue))
    pace = queue.pace
    assert pace == session.job.pace != Pace()
    adapt = Adapt()
    cancelled = TrainingSession(queue, new_job(adapt))
    adapt.go_on(1)
    until(lambda: cancelled.job.at.done == 1 and cancelled.job.at.stage == TRAINING)
    cancelled.close()
    until(lambda: cancelled.job.over and not len(queue))
    assert queue.pace is pace
    assert cancelled.job.pace != pace


def test_a_job_that_nobody_asks_about_ends(new_job, clock):
    queue, adapt = JobQueue(), Adapt()
    session = TrainingSession(queue, new_job(adapt))
    until(lambda: adapt.calls)
    clock.ahead += Limits().absent_seconds - SOON
    time.sleep(0.05)
    assert not session.job.over
    clock.ahead += 2 * SOON
    until(lambda: session.job.over)
    assert "closed or asleep for 5 minutes" in str(session.job.problem)
    assert gone(session.job)


def test_photos_are_bounded_and_what_is_none_is_listed(photo, tmp_path):
    left = LeftOut("notes.txt", "no photo")
    fresh = TrainingJob(Adapt(), Job(("cat",)), tmp_path)
    fresh.take([photo, left, photo])
    assert (fresh.photos, fresh.left_out) == (2, [left])
    with pytest.raises(PhotoError, match=r"notes\.txt: no photo"):
        TrainingJob(Adapt(), Job(("cat",)), tmp_path).take([left])
    for limits in (Limits(user_photos=3), Limits(user_bytes=3 * len(photo.data))):
        crowd = TrainingJob(Adapt(), Job(("cat",)), tmp_path, limits=limits)
        with pytest.raises(OptionError, match="too many photos"):
            crowd.take([photo] * 4)
        folder = crowd.folder
        del crowd
        gc.collect()
        assert not folder.exists()


def test_the_queue_is_bounded(new_job):
    queue = JobQueue(Limits(jobs=2))
    sessions = [TrainingSession(queue, new_job(Adapt())) for _ in range(2)]
    with pytest.raises(Refused, match=r"too many jobs are waiting on this server\. Please try again in"):
        TrainingSession(queue, new_job(Adapt()))
    for session in sessions:
        session.close()


def test_an_address_has_so_many_jobs(new_job):
    """But others come to theirs."""

    def started(owner: str) -> TrainingSession:
        job = new_job(Adapt())
        job.owner = owner
        return TrainingSession(queue, job)

    queue = JobQueue(Limits(client_jobs=2))
    sessions = [started("1.1.1.1"), started("1.1.1.1")]
    with pytest.raises(Refused, match=r"you have 2 jobs on this server already\. Please try again in"):
        started("1.1.1.1")
    sessions += [started("1.1.1.2"), started(""), started(""), started("")]  # "" is nobody's
    for session in sessions:
        session.close()


def test_a_reload_takes_the_job_over(new_job):
    """The page that was closed lets go of it, whenever its session ends; only who has the ticket finds it."""
    adapt, queue = Adapt(), JobQueue()
    before = TrainingSession(queue, new_job(adapt))
    job = before.job
    assert queue.find("") is queue.find("guess") is None
    assert queue.find(job.ticket) is job
    after = TrainingSession.taken_over(queue, job)
    before.close()
    del before
    gc.collect()
    assert not job.cancelled
    after.close()
    assert job.cancelled
    until(lambda: job.over)
