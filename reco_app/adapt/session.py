"""What a visitor owns in the tab Train."""

import secrets
import weakref

from reco_app.jobs.job_queue import JobQueue
from reco_app.jobs.training_job import TrainingJob


class TrainingSession:
    """A visitor's hold on a job: when it goes, the job is cancelled, and its files too."""

    def __init__(self, queue: JobQueue, job: TrainingJob) -> None:
        """Puts the job in the queue; raises OptionError if that is full."""
        self.queue, self.job = queue, job
        self.shown = -1  # the count of changes that the page shows
        queue.add(job)
        self._hold()

    @classmethod
    def taken_over(cls, queue: JobQueue, job: TrainingJob) -> "TrainingSession":
        """A hold on a job whose page was reloaded: the one before lets go of it."""
        taken = cls.__new__(cls)
        taken.queue, taken.job, taken.shown = queue, job, -1
        taken._hold()
        return taken

    def close(self) -> None:
        """Cancel the job, unless another page has it."""
        if self.job.holder == self.holder:
            self.queue.drop(self.job)

    def _hold(self) -> None:
        self.holder = self.job.holder = secrets.token_hex(8)
        # `close` is not always called: of too many sessions, Gradio lets the oldest go without a word.
        weakref.finalize(self, _let_go, self.queue, self.job, self.holder)


def _let_go(queue: JobQueue, job: TrainingJob, holder: str) -> None:
    if job.holder == holder:
        queue.drop(job)
