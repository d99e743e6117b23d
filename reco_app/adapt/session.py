"""What a visitor owns in the Adapt tab."""

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
        # `close` is not always called: of too many sessions, Gradio lets the oldest go without a word.
        weakref.finalize(self, queue.drop, job)

    def close(self) -> None:
        """Cancel the job."""
        self.queue.drop(self.job)
