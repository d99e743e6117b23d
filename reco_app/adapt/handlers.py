"""What the Adapt tab's controls call."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from markupsafe import Markup

from reco_app.adapt import view
from reco_app.adapt.session import TrainingSession
from reco_app.context import AppContext
from reco_app.jobs.training_job import DONE, EXPORTING, FAILED, TRAINING, TrainingJob
from reco_app.messages import or_refused, reason_card, user_errors
from reco_app.visitor.uploads import Uploads
from reco_core.adaptation import specialist_card
from reco_core.adaptation.job import Job, adapt
from reco_core.adaptation.specialist import Specialist
from reco_core.errors import OptionError, PhotoError, RecoError
from reco_core.methods import BACKGROUND_WORDS
from reco_core.pipeline import usual_method
from reco_core.types import Segmentation
from reco_core.utils.images import limit_size, read_photo
from reco_core.utils.names import clean_names, parse_names

LOOKS, CHECK = 12, 10  # at the photos that are kept aside, in a training; steps between two of them at least
SHOWN = ("timer", "start", "finish", "cancel", "report", "training", "result", "download", "compared")  # of AdaptTab


class AdaptHandlers:
    """Holds only what all users share."""

    def __init__(self, context: AppContext) -> None:
        self.context, self.presets, self.queue = context, context.presets, context.queue

    def estimate(self, files: list[str] | None, steps: int) -> Markup:
        """How long it would take."""
        with user_errors():
            try:
                count = len(Uploads(files or [], self.context.limits))
            except (RecoError, OSError):  # said when it is started
                count = 0
            return view.estimate(count, int(steps), self.queue.pace, len(self.queue), self.context.limits)

    def start(
        self,
        files: list[str] | None,
        names: str,
        everything: bool,
        steps: int,
        preset: str,
        session: TrainingSession | None,
        progress: gr.Progress = gr.Progress(),
    ) -> tuple:
        """Read the photos, and put the job in the queue. The one before is let go, with its result.

        everything: whether the names cover all that is in the photos, so that no background competes.
        """

        def started() -> tuple:
            if session and not session.job.over:
                raise OptionError("your job is not done yet", remedy="Wait for it, or cancel it")
            if not files:
                raise OptionError("there are no photos", remedy="Drop some first, or a zip of them")
            background = () if everything else BACKGROUND_WORDS
            job, uploads = self._job(names, int(steps), background, preset), Uploads(files, self.context.limits)
            job.take(uploads, lambda done: progress((done, len(uploads)), desc="Reading your photos", unit="photos"))
            if session:
                session.close()
            return self._page(TrainingSession(self.queue, job))

        return or_refused(started, lambda reason: (session, *_changed(report=reason)))

    def tick(self, session: TrainingSession | None) -> tuple:
        """What the page shows of a job that waits or runs. That it is asked for keeps it."""
        with user_errors():
            if session is None:
                return None, *_changed(**_ended(), report=reason_card("This job is no longer kept."))
            return self._page(session)

    def finish(self, session: TrainingSession | None) -> None:
        """End training with the best that there is."""
        if session:
            session.job.finish()

    def cancel(self, session: TrainingSession | None) -> None:
        """End the job with nothing."""
        if session:
            session.close()

    def compare(
        self, photo: str | None, session: TrainingSession | None, progress: gr.Progress = gr.Progress()
    ) -> tuple[Markup, TrainingSession | None]:
        """Mark a photo with the specialist and with ReCo."""

        def compared() -> Markup:
            job = session.job if session else None
            if job is None or job.at.stage != DONE:
                raise OptionError("there is no specialist, or it is no longer kept", remedy="Train one first")
            if not photo or not Path(photo).is_file():  # uploads are deleted after a while
                raise PhotoError("there is no photo", remedy="Choose one")
            pixels = limit_size(read_photo(photo), view.COMPARED_SIDE)
            progress(None, desc="Marking")
            reco = self.presets.get(job.preset)
            specialist = Specialist(job.out, str(reco.encoder.device))
            method = usual_method(reco.encoder.preset)
            references = reco.prepare(specialist.names, method=method, background=job.job.background)
            specialist.segment(pixels)  # ReCo has its first photo behind it too

            def answer(who: str, segment: Callable[..., Segmentation]) -> view.Answer:
                started = time.perf_counter()
                return view.Answer(who, segment(pixels), time.perf_counter() - started)

            segment = partial(reco.segment, references=references, method=method)
            return view.compared(pixels, [answer("Specialist", specialist.segment), answer("ReCo", segment)])

        return or_refused(compared, lambda reason: reason), session

    def _job(self, names: str, steps: int, background: tuple[str, ...], preset: str) -> TrainingJob:
        wanted = clean_names(parse_names(names or ""), self.context.limits.specialist_names)
        recipe = replace(self.context.recipe, steps=steps, check=max(CHECK, steps // LOOKS))
        reco = self.presets.get(preset)
        return TrainingJob(
            partial(adapt, reco, device=str(reco.encoder.device), fetch=False),
            Job(wanted, recipe, usual_method(reco.encoder.preset), background),
            self.context.cache,
            preset,
            self.context.limits,
        )

    def _page(self, session: TrainingSession) -> tuple:
        """Everything that depends on how far a job is; what has not changed stays."""
        job = session.job
        job.asked = time.monotonic()
        changes, at = job.changes, job.at  # before what they count, so that nothing is missed
        fresh = changes != session.shown
        session.shown = changes
        if at.stage == FAILED:
            problem = or_refused(job.raise_problem, lambda reason: reason)
            return session, *_changed(**_ended(), report=problem, training=view.plan())
        if at.stage == DONE:
            return session, *_changed(
                **_ended(),
                report=view.left_out(job.left_out),
                result=gr.Column(visible=True),
                compared="",
                training=view.learned(job, (job.out / specialist_card.EXAMPLES).read_bytes()),
                download=gr.DownloadButton(value=str(job.zip)),
            )
        seen = {"training": view.training(job) or view.plan(), "result": gr.Column(visible=False)} if fresh else {}
        return session, *_changed(
            **seen,
            timer=gr.Timer(active=True),
            start=gr.Button(interactive=False),
            finish=gr.Button(visible=at.stage == TRAINING and not job.finishing),
            cancel=gr.Button(visible=at.stage != EXPORTING),
            report=view.status(job, self.queue.before(job)),
        )


def _changed(**changes: Any) -> tuple:
    """What of the page changes, in the order of `SHOWN`; the rest stays."""
    return tuple(changes.get(name, gr.skip()) for name in SHOWN)


def _ended() -> dict[str, Any]:
    """The buttons when no job waits or runs."""
    return {
        "timer": gr.Timer(active=False),
        "start": gr.Button(interactive=True),
        "finish": gr.Button(visible=False),
        "cancel": gr.Button(visible=False),
    }
