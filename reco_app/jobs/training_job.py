"""A training of a specialist, from photos to a zip: how far it is, how long it takes, how it ends."""

from __future__ import annotations

import secrets
import shutil
import threading
import time
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reco_app.limits import Limits
from reco_app.session import private_folder
from reco_app.visitor.user_photos import AUTHOR, LICENCE, SmallPhoto
from reco_core.adaptation.curve import Curve
from reco_core.errors import Cancelled, OptionError, PhotoError
from reco_core.photo_sources.source import Files
from reco_core.types import LeftOut, PhotoRecord
from reco_core.utils.images import read_photo
from reco_core.utils.run_control import RunControl

if TYPE_CHECKING:
    from reco_core.adaptation.job import Job
    from reco_core.adaptation.specialist import Specialist

PREVIEWED = 2  # photos whose marks are shown while it learns
WAITING, DONE, FAILED = "waiting", "done", "failed"
LABELLING, TRAINING, EXPORTING = "labelling", "training", "exporting"  # as `adaptation.job.adapt` reports them
Adapt = Callable[..., "Specialist"]  # `adaptation.job.adapt`, its models given


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
class StageProgress:
    """How far a job is, and when its stage began (`time.monotonic`)."""

    stage: str
    done: int
    of: int
    since: float

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.since


@dataclass(frozen=True)
class Preview:
    """A photo (H, W, 3) uint8, and labels (H, W) uint8 of it: ReCo's, and after the first look the network's."""

    photo: np.ndarray
    reco: np.ndarray
    network: np.ndarray | None = None


class TrainingJob(RunControl):
    """A job with its photos, and the control of its run. Its thread replaces what others read, and changes nothing in
    place.
    """

    def __init__(self, adapt: Adapt, job: Job, cache: Path, preset: str = "", limits: Limits = Limits()) -> None:
        """cache: where a folder for the zip is made, from which it can be downloaded; the rest is where no one looks.

        preset: whose labels they are.
        """
        super().__init__()
        self.adapt, self.job, self.preset, self.limits = adapt, job, preset, limits
        self.folder = private_folder(self, prefix="reco-adapt-")
        self.zip = private_folder(self, cache) / "specialist.zip"
        self.at, self.pace = StageProgress(WAITING, 0, 0, time.monotonic()), Pace()
        self.left_out: list[LeftOut] = []
        self.curve = Curve()
        self.previews: tuple[Preview, ...] = ()
        self.about: dict[str, Any] = {}
        self.problem: Exception | None = None
        self.owner = ""  # the client whose it is, see `clients.who`
        self.ticket, self.holder = secrets.token_urlsafe(16), ""  # who may find it again, and which page has it
        self.changes = 0  # how often curve or previews have changed
        self.seconds = 0.0  # that it ran
        self.asked, self._deadline = time.monotonic(), float("inf")
        self._finished = threading.Event()
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
        return self._finished.is_set() or time.monotonic() > self._deadline

    def take(self, given: Iterable[SmallPhoto | LeftOut]) -> None:
        """Write down the photos to learn from; what is none is listed in `left_out`.

        Raises:
            PhotoError: there are none. OptionError: these are too many.
        """
        size, most, most_bytes = 0, self.limits.user_photos, self.limits.user_bytes
        for small in given:
            if isinstance(small, LeftOut):
                self.left_out.append(small)
                continue
            size += len(small.data)
            if self.photos == most or size > most_bytes:
                expected = f"at most {most}, of {most_bytes // 1_000_000} MB in all"
                raise OptionError("these are too many photos", expected=expected, remedy="Give fewer")
            self._photos.append(self.folder / f"{self.photos:03}.jpg")
            self._photos[-1].write_bytes(small.data)
        if not self._photos:
            reasons = "; ".join(f"{one.file}: {one.reason}" for one in self.left_out)
            raise PhotoError("none of these files is a photo that can be read", given=reasons)

    def seconds_left(self) -> float:
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
        self._finished.set()

    @property
    def cancelled(self) -> bool:
        """Whether it must end with nothing."""
        return self._reason_to_end() is not None

    def raise_problem(self) -> None:
        """Raise its problem, if it has one."""
        if self.problem:
            raise self.problem

    def run(self) -> None:
        """Do it; what goes wrong is its `problem`.

        After the seconds for a job training ends with the best that there is, or the job with an error if there is
        nothing.
        """
        started = time.monotonic()
        self.at = StageProgress(LABELLING, 0, self.photos, started)
        self._deadline = started + self.limits.job_seconds
        records = [PhotoRecord(file.name, 0, 0, "", "", "", LICENCE, "photo", AUTHOR, "") for file in self._photos]
        try:
            source = Files("your photos", list(zip(records, self._photos, strict=True)))
            watching: dict[str, Any] = {"enough": lambda: self.finishing, "watch": self._watch}
            made = self.adapt(source, self.job, self.out, control=self, **watching)
            with zipfile.ZipFile(self.zip, "w") as packed:  # weights hardly get smaller
                for file in sorted(self.out.iterdir()):
                    packed.write(file, f"specialist/{file.name}")
            self.about, self.pace = made.about, replace(self.pace, rest=self.at.elapsed)
            for file in self._photos:
                file.unlink()
        except Cancelled as error:
            self.problem = self._reason_to_end() or error
        except Exception as error:  # whatever it is, the visitor reads it, and the next job has its turn
            self.problem = error
        self.seconds = time.monotonic() - started

    def end(self) -> None:
        """It will not run any more. Unless it succeeded, its files go."""
        self.problem = self.problem or (self._reason_to_end() if super().cancelled else None)
        if self.problem:
            shutil.rmtree(self.folder, ignore_errors=True)
            shutil.rmtree(self.zip.parent, ignore_errors=True)
        self.changes += 1
        self.at = StageProgress(FAILED if self.problem else DONE, 0, 0, time.monotonic())

    def _reason_to_end(self) -> Exception | None:
        """Why it must end with nothing, if it must."""
        now, absent = time.monotonic(), self.limits.absent_seconds
        if super().cancelled:
            return Cancelled("the job was cancelled", remedy="Nothing of it is kept")
        if now - self.asked > absent:
            return Cancelled(
                f"this page was closed or asleep for {absent / 60:.0f} minutes, so the job was cancelled",
                remedy="Start it again, and keep the page open",
            )
        if now > self._deadline and not self.curve:
            return OptionError("the time for one job is over, and nothing was learned yet", remedy="Give fewer photos")
        return None

    def report(self, stage: str, done: int, total: int) -> None:
        """Note how far the run is."""
        at = self.at
        if at.stage != stage:
            each = at.elapsed / max(1, at.done)  # of what the stage before did
            if at.stage == LABELLING:
                self.pace = replace(self.pace, photo=each)
            elif at.stage == TRAINING:
                self.pace = replace(self.pace, step=each)
            at = StageProgress(stage, 0, 0, time.monotonic())
        self.at = replace(at, done=done, of=total)
        if stage == LABELLING:
            from reco_core.adaptation.crops import Example
            from reco_core.adaptation.job import WORK, held_out

            held = held_out(self._photos) or self._photos  # type: ignore[arg-type]  # of any list
            shown = held[:: max(1, len(held) // PREVIEWED)][:PREVIEWED]
            labelled = Example.at(self.out / WORK / "labels-1", f"{done - 1:05d}")
            if self._photos[done - 1] in shown and labelled.is_there():
                self.previews += (Preview(read_photo(labelled.photo), labelled.stored().labels),)
                self.changes += 1

    def _watch(self, curve: Curve, mark: Callable[[np.ndarray], np.ndarray]) -> None:
        self.curve = curve
        self.previews = tuple(replace(one, network=mark(one.photo)) for one in self.previews)
        self.changes += 1
