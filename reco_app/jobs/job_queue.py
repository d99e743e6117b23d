"""The trainings of all visitors: a server does one at a time, the others wait."""

import threading
import time
import weakref

from reco_app.clients import Refused
from reco_app.jobs.training_job import Pace, TrainingJob
from reco_app.limits import Limits


class JobQueue:
    """Jobs in the order they came. The first one runs, in a thread of its own."""

    def __init__(self, limits: Limits = Limits()) -> None:
        self.limits, self.pace = limits, Pace()
        self._jobs: list[TrainingJob] = []
        self._known: weakref.WeakSet[TrainingJob] = weakref.WeakSet()  # also those that are done
        self._lock = threading.RLock()  # the thread that has it may collect garbage, and with it someone's session
        weakref.finalize(self, _end, self._jobs)

    def __len__(self) -> int:
        return len(self._jobs)

    def add(self, job: TrainingJob) -> None:
        """Put a job at the end.

        Raises:
            Refused: there are too many, of this client or of all.
        """
        with self._lock:
            ours = [one for one in self._jobs if one.owner == job.owner]
            if job.owner and len(ours) >= self.limits.client_jobs:
                raise Refused(f"you have {len(ours)} jobs on this server already", self._seconds(ours[:1]))
            if len(self) >= self.limits.jobs:
                raise Refused("too many jobs are waiting on this server", self._seconds(self._jobs[:1]))
            job.pace = self.pace
            self._jobs.append(job)
            self._known.add(job)
            if len(self) == 1:
                self._start()

    def before(self, job: TrainingJob) -> tuple[int, float]:
        """How many jobs come first, and about how many seconds they take."""
        with self._lock:
            first = self._jobs[: self._jobs.index(job)] if job in self._jobs else []
        return len(first), sum(one.seconds_left() for one in first)

    def find(self, ticket: str) -> TrainingJob | None:
        """The job of a ticket, as long as someone may want it."""
        return next((job for job in self._known if job.ticket == ticket), None)

    def drop(self, job: TrainingJob) -> None:
        """Nobody wants it any more: it ends, and its files are deleted."""
        with self._lock:
            job.cancel()
            running = self._jobs[:1] == [job]
            if job in self._jobs and not running:
                self._jobs.remove(job)
            if not running:  # one that runs is ended by its thread, which still writes files
                job.end()

    def _seconds(self, jobs: list[TrainingJob]) -> float:
        """About how long until these are done."""
        return sum(self.before(job)[1] + job.seconds_left() for job in jobs)

    def _start(self) -> None:
        threading.Thread(target=self._run, args=self._jobs[:1], daemon=True).start()

    def _run(self, job: TrainingJob) -> None:
        job.pace = self.pace
        job.run()
        with self._lock:
            self._jobs.remove(job)
            job.end()
            self.pace = self.pace if job.problem else job.pace
            if self._jobs:
                self._start()


def _end(jobs: list[TrainingJob]) -> None:
    """The server ends: torch must not be at work then, or it crashes."""
    del jobs[1:]
    for job in jobs:
        job.cancel()
    patience = time.monotonic() + 12
    while jobs and time.monotonic() < patience:
        time.sleep(0.05)
