"""Jobs of the Adapt tab: their queue, their ends, their files. What is adapted is a stand-in."""

import gc
import io
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

from reco_app import jobs
from reco_app.jobs import DONE, FAILED, FILES, LABELLING, TRAINING, WAITING, Pace, Queue, Ticket, Work
from reco_app.own import Small, shrink
from reco_core.adaptation.crops import Example
from reco_core.adaptation.curve import Curve, Look
from reco_core.adaptation.job import WORK, Job
from reco_core.adaptation.labels import Labelled
from reco_core.adaptation.recipe import QUICK
from reco_core.errors import OptionError, PhotoError
from reco_core.types import LeftOut

SOON = 10.0


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
            while not self.may.acquire(timeout=0.01):
                control.raise_if_cancelled("stopped")
            control.report(TRAINING, step, job.recipe.steps)
            if step % 2 == 0:
                curve = Curve((*curve.looks, Look(step, 1 / step, 0.5, 0.6)))
                watch(curve, lambda photo: np.full(photo.shape[:2], 1, np.uint8))
            if curve and enough():
                break
        control.report("exporting", 0, 1)
        for name in FILES:
            (out / name).write_text(name)
        return SimpleNamespace(about={"step": step})

    def go_on(self, steps: int = 1000) -> None:
        self.may.release(steps)


@pytest.fixture(scope="module")
def photo() -> Small:
    packed = io.BytesIO()
    Image.fromarray(skimage.data.chelsea()[:64, :96]).save(packed, "PNG")
    return shrink("cat.png", packed.getvalue())


@pytest.fixture
def work(photo, tmp_path) -> Iterator[Callable[..., Work]]:
    made = []

    def make(adapt: Adapt, photos: int = 7, steps: int = 4) -> Work:
        fresh = Work(adapt, Job(("cat",), replace(QUICK, steps=steps)), str(tmp_path))
        fresh.take([photo] * photos)
        made.append(adapt)
        return fresh

    yield make
    for adapt in made:
        adapt.go_on()


def gone(work: Work) -> bool:
    return not work.folder.exists() and not work.zip.parent.exists()


def test_a_job_from_photos_to_zip(work, tmp_path):
    adapt, queue = Adapt(), Queue()
    ticket = queue.add(work(adapt))
    job = ticket.work
    assert job.folder.stat().st_mode & 0o77 == 0  # nobody else's on this machine
    assert tmp_path not in job.folder.parents
    until(lambda: job.at.stage == LABELLING and job.at.done == 7)
    assert len(job.marked) == 1  # of seven photos one is kept aside
    assert job.marked[0].said is None
    looks = job.looks
    adapt.go_on(2)
    until(lambda: job.curve)
    assert (job.at.stage, job.at.done, job.at.of) == (TRAINING, 2, 4)
    assert job.marked[0].said.max() == 1
    assert job.looks > looks
    assert 0 < job.left() < 60
    adapt.go_on()
    until(lambda: job.over)
    assert (job.at.stage, job.problem, job.about) == (DONE, None, {"step": 4})
    assert zipfile.ZipFile(job.zip).namelist() == [f"specialist/{name}" for name in FILES]
    assert not list(job.folder.glob("*.jpg"))  # the photos have done their work
    assert queue.pace == job.pace != Pace()
    ticket.close()
    assert gone(job)


def test_one_at_a_time_in_order(work):
    queue, adapts = Queue(), [Adapt() for _ in range(3)]
    tickets = [queue.add(work(adapt)) for adapt in adapts]
    until(lambda: adapts[0].calls)
    assert [queue.before(ticket.work)[0] for ticket in tickets] == [0, 1, 2]
    assert queue.before(tickets[2].work)[1] > queue.before(tickets[1].work)[1] > 0
    assert [ticket.work.at.stage for ticket in tickets[1:]] == [WAITING, WAITING]
    for i, adapt in enumerate(adapts):
        assert not any(other.calls for other in adapts[i + 1 :])
        adapt.go_on()
        until(lambda i=i: tickets[i].work.at.stage == DONE)
        until(lambda i=i: all(other.calls for other in adapts[: i + 2]))
        assert len(queue) == 2 - i
    for ticket in tickets:
        ticket.close()


def test_cancelling_one_that_waits_and_one_that_runs(work):
    queue, adapts = Queue(), [Adapt() for _ in range(3)]
    tickets = [queue.add(work(adapt)) for adapt in adapts]
    until(lambda: adapts[0].calls)
    tickets[1].close()
    assert gone(tickets[1].work)
    assert queue.before(tickets[2].work)[0] == 1
    tickets[0].close()
    until(lambda: tickets[0].work.over)
    assert gone(tickets[0].work)
    for ticket in tickets[:2]:
        assert ticket.work.at.stage == FAILED
        assert "the job was cancelled" in str(ticket.work.problem)
    until(lambda: adapts[2].calls)
    adapts[2].go_on()
    until(lambda: tickets[2].work.at.stage == DONE)
    assert not adapts[1].calls


def test_a_visitor_who_leaves_takes_the_job_along(work):
    queue, adapts = Queue(), [Adapt() for _ in range(3)]
    tickets = [queue.add(work(adapt)) for adapt in adapts]
    until(lambda: adapts[0].calls)
    folders = [ticket.work.folder for ticket in tickets]
    del tickets[:2]
    gc.collect()
    until(lambda: adapts[2].calls)
    assert not adapts[1].calls
    assert [folder.exists() for folder in folders] == [False, False, True]


@pytest.mark.parametrize("error", [OptionError("it does not converge"), OSError("the disk is full"), MemoryError()])
def test_an_error_ends_one_job_and_not_the_next(work, error):
    queue, good = Queue(), Adapt()
    bad, fine = queue.add(work(Adapt(error))), queue.add(work(good))
    good.go_on()
    until(lambda: fine.work.at.stage == DONE)
    assert (bad.work.at.stage, bad.work.problem) == (FAILED, error)
    assert gone(bad.work)


def test_finish_keeps_the_best_so_far(work):
    queue, adapt = Queue(), Adapt()
    ticket = queue.add(work(adapt, steps=1000))
    ticket.work.finish()
    assert ticket.work.finishing
    adapt.go_on()
    until(lambda: ticket.work.over)
    assert ticket.work.about == {"step": 2}  # the first look


def test_time_is_bounded(work):
    queue, slow, stuck = Queue(most=0.3), Adapt(), Adapt()
    ticket = queue.add(work(slow, steps=1000))
    slow.go_on(2)
    until(lambda: ticket.work.curve)
    time.sleep(0.3)
    slow.go_on(1)
    until(lambda: ticket.work.over)
    assert ticket.work.about == {"step": 3}
    ticket = queue.add(work(stuck))
    until(lambda: ticket.work.over)
    assert "nothing was learned yet" in str(ticket.work.problem)
    assert gone(ticket.work)


def test_a_job_that_nobody_asks_about_ends(work, monkeypatch):
    queue, adapt = Queue(), Adapt()
    ticket = queue.add(work(adapt))
    until(lambda: adapt.calls)
    monkeypatch.setattr(jobs, "ABSENT", 0.05)
    until(lambda: ticket.work.over)
    assert "closed or asleep" in str(ticket.work.problem)
    assert gone(ticket.work)


def test_photos_are_bounded_and_what_is_none_is_listed(photo, monkeypatch, tmp_path):
    left = LeftOut("notes.txt", "no photo")
    fresh = Work(Adapt(), Job(("cat",)), str(tmp_path))
    fresh.take([photo, left, photo])
    assert (fresh.photos, fresh.left_out) == (2, [left])
    with pytest.raises(PhotoError, match=r"notes\.txt: no photo"):
        Work(Adapt(), Job(("cat",)), str(tmp_path)).take([left])
    for bound, most in (("MOST_PHOTOS", 3), ("MOST_BYTES", 3 * len(photo.data))):
        monkeypatch.setattr(jobs, bound, most)
        crowd = Work(Adapt(), Job(("cat",)), str(tmp_path))
        with pytest.raises(OptionError, match="too many photos"):
            crowd.take([photo] * 4)
        folder = crowd.folder
        del crowd
        gc.collect()
        assert not folder.exists()


def test_the_queue_is_bounded(work, monkeypatch):
    monkeypatch.setattr(jobs, "MOST_JOBS", 2)
    queue = Queue()
    tickets: list[Ticket] = [queue.add(work(Adapt())) for _ in range(2)]
    with pytest.raises(OptionError, match="too many jobs"):
        queue.add(work(Adapt()))
    for ticket in tickets:
        ticket.close()
