"""The endpoints of adaptation: a job is begun, asked about, fetched and cancelled by its id."""

import time
from typing import Any

from reco_app.adapt.handlers import FEWEST_STEPS, MOST_STEPS, STEPS, AdaptHandlers
from reco_app.api.given import Given, small_photos, told_left_out
from reco_app.api.inline import zip_url
from reco_app.api.refusal import NotKept, refusal
from reco_app.context import AppContext
from reco_app.jobs.training_job import DONE, TrainingJob
from reco_core.errors import OptionError
from reco_core.methods import BACKGROUND_WORDS


class AdaptEndpoints:
    """Holds the jobs of all callers, each known only by its id, which cannot be guessed."""

    def __init__(self, context: AppContext, handlers: AdaptHandlers) -> None:
        self.queue, self.limits, self.handlers = context.queue, context.limits, handlers
        self.defaults: dict[str, Any] = {"preset": context.presets.first}
        self._jobs: dict[str, TrainingJob] = {}

    def adapt(
        self, photos: list[Given], names: str, everything: bool = False, steps: int = STEPS, preset: str = "mini"
    ) -> dict:
        """Begin to train a specialist, a small quick network for these names in photos like these. Ask for its status
        with adapt_status, at least every five minutes, or it is cancelled.

        Args:
            photos: a list of photos like those that it shall mark, without labels; each a JPEG, PNG, WebP, HEIC, AVIF,
                BMP, GIF or TIFF file as base64 or as a data URL, or a file that was uploaded to this server. At most
                200 photos of at most 30 MB each and 100 MB in all.
            names: what to mark, with commas between the names; at most 30.
            everything: whether these names cover all that is in the photos, so that no background competes.
            steps: how long to train, in steps, 50 to 600.
            preset: which models label the photos: mini, or another one that this server has.

        Returns:
            job: the id of the job. The rest as adapt_status returns it. left_out: photos that were not taken, counted
            from 1, and why. remarks: what was not understood of the names.
        """
        if not FEWEST_STEPS <= steps <= MOST_STEPS:
            raise OptionError("steps is out of range", given=steps, expected=f"{FEWEST_STEPS} to {MOST_STEPS}")
        self._forget()
        background = () if everything else BACKGROUND_WORDS
        job, remarks = self.handlers.job(names, steps, background, preset)
        job.take(small_photos(photos, self.limits))
        self.queue.add(job)
        self._jobs[job.ticket] = job
        left_out = told_left_out(job.left_out)
        return {"job": job.ticket, **self._told(job), "left_out": left_out, "remarks": list(remarks)}

    def adapt_status(self, job: str) -> dict:
        """How far a job is. That it is asked for keeps the job.

        Args:
            job: the id that adapt has returned.

        Returns:
            stage: waiting, labelling, training, exporting, done or failed. done, of: how much of the stage is done.
            before: how many jobs come first. seconds_left: about how long it takes, in seconds, with those. problem:
            why it failed, or null.
        """
        return self._told(self._find(job))

    def adapt_result(self, job: str) -> dict:
        """The specialist of a job that is done. It is kept for an hour after it was last asked about.

        Args:
            job: the id that adapt has returned.

        Returns:
            specialist: a zip's data URL, with an ONNX file, weights, and a card that says how to use them. about: its
            names, sizes and how good it is.
        """
        found = self._find(job)
        if found.at.stage != DONE:
            found.raise_problem()
            raise OptionError("the job is not done yet", given=found.at.stage, remedy="Ask for its status")
        return {"specialist": zip_url(found.zip.read_bytes()), "about": found.about}

    def adapt_cancel(self, job: str) -> dict:
        """End a job with nothing, and delete what there is of it.

        Args:
            job: the id that adapt has returned.

        Returns:
            cancelled: true.
        """
        self.queue.drop(self._find(job))
        del self._jobs[job]
        return {"cancelled": True}

    def _find(self, ticket: str) -> TrainingJob:
        self._forget()
        job = self._jobs.get(ticket)
        if job is None:
            raise NotKept("there is no such job, or it is no longer kept", given=ticket[:40], remedy="Begin it again")
        job.asked = time.monotonic()
        return job

    def _forget(self) -> None:
        """Let go of jobs that nobody has asked about for long; their files go with them."""
        now = time.monotonic()
        for ticket, job in list(self._jobs.items()):
            if job.over and now - job.asked > self.limits.keep_seconds:
                self._jobs.pop(ticket, None)

    def _told(self, job: TrainingJob) -> dict:
        at, (before, seconds) = job.at, self.queue.before(job)
        left = 0 if job.over else round(seconds + job.seconds_left())
        problem = refusal(job.problem).message if job.over and job.problem else None
        return {
            "stage": at.stage,
            "done": at.done,
            "of": at.of,
            "before": before,
            "seconds_left": left,
            "problem": problem,
        }
