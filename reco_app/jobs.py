"""Jobs of the Adapt tab: a server does one at a time, the others wait. Nothing of the page is in here."""

import shutil
import tempfile
import threading
import time
import weakref
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from reco_app.own import AUTHOR, LICENCE, MOST_BYTES, MOST_PHOTOS, Small
from reco_core.adaptation import specialist, specialist_card
from reco_core.adaptation.crops import Example
from reco_core.adaptation.curve import Curve
from reco_core.adaptation.job import WORK, Job, held_out
from reco_core.adaptation.specialist import Specialist
from reco_core.errors import Cancelled, OptionError, PhotoError
from reco_core.photo_sources.source import Files
from reco_core.types import LeftOut, PhotoRecord
from reco_core.utils.images import read_photo
from reco_core.utils.run_control import RunControl

MOST_MINUTES = 30  # of one job; then it ends with the best that there is
MOST_JOBS = 20  # on a server: the one that runs, and those that wait
ABSENT = 300.0  # seconds without a question about a job, after which nobody is there any more
PREVIEWED = 2  # photos whose marks are shown while it learns
FILES = (
    specialist.GRAPH,
    specialist.WEIGHTS,
    specialist.ABOUT,
    specialist_card.README,
    specialist_card.CURVE,
    specialist_card.EXAMPLES,
)
WAITING, LABELLING, TRAINING, EXPORTING, DONE, FAILED = (
    "waiting",
    "labelling",
    "training",
    "exporting",
    "done",
    "failed",
)
Adapt = Callable[..., Specialist]  # `adaptation.job.adapt`, its models given


@dataclass(frozen=True)
class Pace:
    """Seconds for a photo's label, for a step, for the rest: at first those of two cores, then those of the last
    job.
    """

    photo: float = 1.5
    step: float = 0.9
    rest: float = 12.0

    def seconds(self, photos: int, steps: int) -> float:
        """How long a job takes."""
        return photos * self.photo + steps * self.step + self.rest


@dataclass(frozen=True)
class At:
    """How far a job is, and when its stage began (`time.monotonic`)."""

    stage: str
    done: int
    of: int
    since: float

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.since


@dataclass(frozen=True)
class Marked:
    """A photo (H, W, 3) uint8, and labels (H, W) uint8 of it: ReCo's, and after the first look the network's."""

    photo: np.ndarray
    taught: np.ndarray
    said: np.ndarray | None = None


class Work:
    """A job with its photos. Its thread replaces what others read of it, and changes nothing in place."""

    def __init__(self, adapt: Adapt, job: Job, cache: str | None = None, preset: str = "") -> None:
        """cache: where a folder for the zip is made, from which it can be downloaded; the rest is where no one looks.

        preset: whose labels they are.
        """
        self.adapt, self.job, self.preset = adapt, job, preset
        self.folder = Path(tempfile.mkdtemp(prefix="reco-adapt-"))
        self.zip = Path(tempfile.mkdtemp(dir=cache or self.folder)) / "specialist.zip"
        self.at, self.pace = At(WAITING, 0, 0, time.monotonic()), Pace()
        self.left_out: list[LeftOut] = []
        for folder in (self.folder, self.zip.parent):  # at the latest with the object
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self.curve = Curve()
        self.marked: tuple[Marked, ...] = ()
        self.about: dict[str, Any] = {}
        self.problem: Exception | None = None
        self.looks = 0  # how often curve or marks have changed
        self.seconds = 0.0  # that it ran
        self.seen, self._deadline = time.monotonic(), float("inf")
        self._stop, self._enough = threading.Event(), threading.Event()
        self._photos: list[Path] = []

    @property
    def out(self) -> Path:
        """The folder of the specialist."""
        return self.folder / "specialist"

    @property
    def over(self) -> bool:
        return self.at.stage in (DONE, FAILED)

    @property
    def photos(self) -> int:
        return len(self._photos)

    @property
    def finishing(self) -> bool:
        """Whether no more is to be learned."""
        return self._enough.is_set() or time.monotonic() > self._deadline

    def take(self, given: Iterable[Small | LeftOut], progress: Callable[[int], None] = lambda done: None) -> None:
        """Write down the photos to learn from; what is none is listed in `left_out`.

        Raises:
            PhotoError: there are none. OptionError: these are too many.
        """
        size = 0
        for done, small in enumerate(given):
            progress(done)
            if isinstance(small, LeftOut):
                self.left_out.append(small)
                continue
            size += len(small.data)
            if self.photos == MOST_PHOTOS or size > MOST_BYTES:
                raise OptionError(
                    "these are too many photos",
                    remedy="Give fewer",
                    expected=f"at most {MOST_PHOTOS}, of {MOST_BYTES // 1_000_000} MB in all",
                )
            self._photos.append(self.folder / f"{self.photos:03}.jpg")
            self._photos[-1].write_bytes(small.data)
        if not self._photos:
            reasons = "; ".join(f"{one.file}: {one.reason}" for one in self.left_out)
            raise PhotoError("none of these files is a photo that can be read", given=reasons)

    def left(self) -> float:
        """About how many seconds it has yet to run."""
        at, steps, pace = self.at, self.job.recipe.steps, self.pace
        each = at.elapsed / at.done if at.done > 1 else 0
        if at.stage == LABELLING:
            seconds = pace.seconds(0, steps) + (at.of - at.done) * (each or pace.photo)
        elif at.stage == TRAINING:
            seconds = pace.rest + (not self.finishing) * (at.of - at.done) * (each or pace.step)
        else:
            seconds = max(1.0, pace.rest - at.elapsed) if at.stage == EXPORTING else pace.seconds(self.photos, steps)
        return min(seconds, max(0.0, self._deadline - time.monotonic()) + pace.rest)

    def finish(self) -> None:
        """End training at the next look, with the best that there is."""
        self._enough.set()

    def stop(self) -> None:
        """End it with nothing."""
        self._stop.set()

    def fail(self) -> None:
        """Raise its problem, if it has one."""
        if self.problem:
            raise self.problem

    def run(self, most: float) -> None:
        """Do it; what goes wrong is its `problem`.

        most: seconds after which training ends with the best that there is, or the job with an error if there is
        nothing.
        """
        started = time.monotonic()
        self.at, self._deadline = At(LABELLING, 0, self.photos, started), started + most
        records = [PhotoRecord(file.name, 0, 0, "", "", "", LICENCE, "photo", AUTHOR, "") for file in self._photos]
        try:
            source = Files("your photos", list(zip(records, self._photos, strict=True)))
            made = self.adapt(
                source, self.job, self.out, control=_JobControl(self), enough=lambda: self.finishing, watch=self._watch
            )
            with zipfile.ZipFile(self.zip, "w") as packed:  # weights hardly get smaller
                for name in FILES:
                    packed.write(self.out / name, f"specialist/{name}")
            self.about, self.pace = made.about, replace(self.pace, rest=self.at.elapsed)
            for file in self._photos:
                file.unlink()
        except Cancelled as error:
            self.problem = self._halt() or error
        except Exception as error:  # whatever it is, it is told, and the next job has its turn
            self.problem = error
        self.seconds = time.monotonic() - started

    def end(self) -> None:
        """It will not run any more. Unless it succeeded, its files go."""
        self.problem = self.problem or (self._halt() if self._stop.is_set() else None)
        if self.problem:
            shutil.rmtree(self.folder, ignore_errors=True)
            shutil.rmtree(self.zip.parent, ignore_errors=True)
        self.looks += 1
        self.at = At(FAILED if self.problem else DONE, 0, 0, time.monotonic())

    def _halt(self) -> Exception | None:
        """Why it must end with nothing, if it must."""
        now = time.monotonic()
        if self._stop.is_set():
            return Cancelled("the job was cancelled", remedy="Nothing of it is kept")
        if now - self.seen > ABSENT:
            return Cancelled(
                f"this page was closed or asleep for {ABSENT / 60:.0f} minutes, so the job was cancelled",
                remedy="Start it again, and keep the page open",
            )
        if now > self._deadline and not self.curve:
            return OptionError("the time for one job is over, and nothing was learned yet", remedy="Give fewer photos")
        return None

    def _progress(self, stage: str, done: int, of: int) -> None:
        self._enter(stage)
        self.at = replace(self.at, done=done, of=of)
        if stage == LABELLING:
            held = held_out(self._photos) or self._photos  # type: ignore[arg-type]  # of any list
            shown = held[:: max(1, len(held) // PREVIEWED)][:PREVIEWED]
            labelled = Example.at(self.out / WORK / "labels-1", f"{done - 1:05d}")
            if self._photos[done - 1] in shown and labelled.is_there():
                self.marked += (Marked(read_photo(labelled.photo), labelled.stored().labels),)
                self.looks += 1

    def _enter(self, stage: str) -> None:
        """Note what the stage before took, if this is another."""
        at = self.at
        if at.stage == LABELLING and stage != LABELLING:
            self.pace = replace(self.pace, photo=at.elapsed / max(1, at.done))
        elif at.stage == TRAINING and stage != TRAINING:
            self.pace = replace(self.pace, step=at.elapsed / max(1, at.done))
        if at.stage != stage:
            self.at = At(stage, 0, 0, time.monotonic())

    def _watch(self, curve: Curve, mark: Callable[[np.ndarray], np.ndarray]) -> None:
        self.curve = curve
        self.marked = tuple(replace(one, said=mark(one.photo)) for one in self.marked)
        self.looks += 1


class _JobControl(RunControl):
    """Tells a job how far its run is, and the run when the job must end."""

    def __init__(self, work: Work) -> None:
        super().__init__(work._progress)
        self._work = work

    @property
    def cancelled(self) -> bool:
        return self._work._halt() is not None


class Ticket:
    """A visitor's hold on a job: when it goes, the job is cancelled, and its files too."""

    def __init__(self, queue: "Queue", work: Work) -> None:
        self.queue, self.work = queue, work
        self.shown = -1  # the look that the page shows
        # `close` is not always called: of too many sessions, Gradio lets the oldest go without a word.
        weakref.finalize(self, queue.drop, work)

    def close(self) -> None:
        self.queue.drop(self.work)


class Queue:
    """The jobs of all visitors in the order they came. The first one runs, in a thread of its own."""

    def __init__(self, most: float = 60.0 * MOST_MINUTES) -> None:
        """most: seconds for one job, see `Work.run`."""
        self.most, self.pace = most, Pace()
        self._works: list[Work] = []
        self._lock = threading.RLock()  # the thread that has it may collect garbage, and with it someone's ticket
        weakref.finalize(self, _end, self._works)

    def __len__(self) -> int:
        return len(self._works)

    def add(self, work: Work) -> Ticket:
        """Put a job at the end.

        Raises:
            OptionError: there are too many.
        """
        with self._lock:
            if len(self) >= MOST_JOBS:
                raise OptionError("too many jobs are waiting on this server", given=len(self), remedy="Come back later")
            work.pace = self.pace
            self._works.append(work)
            ticket = Ticket(self, work)
            if len(self) == 1:
                self._start()
        return ticket

    def before(self, work: Work) -> tuple[int, float]:
        """How many jobs come first, and about how many seconds they take."""
        with self._lock:
            first = self._works[: self._works.index(work)] if work in self._works else []
        return len(first), sum(one.left() for one in first)

    def drop(self, work: Work) -> None:
        """Nobody wants it any more: it ends, and its files are deleted."""
        with self._lock:
            work.stop()
            running = self._works[:1] == [work]
            if work in self._works and not running:
                self._works.remove(work)
            if not running:  # one that runs is ended by its thread, which still writes files
                work.end()

    def _start(self) -> None:
        threading.Thread(target=self._run, args=self._works[:1], daemon=True).start()

    def _run(self, work: Work) -> None:
        work.pace = self.pace
        work.run(self.most)
        with self._lock:
            self._works.remove(work)
            work.end()
            self.pace = self.pace if work.problem else work.pace
            if self._works:
                self._start()


def _end(works: list[Work]) -> None:
    """The server ends: torch must not be at work then, or it crashes."""
    del works[1:]
    for work in works:
        work.stop()
    patience = time.monotonic() + 12
    while works and time.monotonic() < patience:
        time.sleep(0.05)
