"""What the tab Train's controls call."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from html import escape
from typing import Any

import gradio as gr
from gradio import Progress
from markupsafe import Markup

from reco_app.adapt import view
from reco_app.adapt.session import TrainingSession
from reco_app.context import AppContext
from reco_app.fair_queue import asking
from reco_app.jobs.training_job import DONE, EXPORTING, FAILED, TRAINING, TrainingJob
from reco_app.messages import or_refused, reason_card, user_errors
from reco_app.templates import render
from reco_app.visitor.uploads import Uploads, read_upload
from reco_core.errors import OptionError, RecoError
from reco_core.methods import BACKGROUND_WORDS, with_titles
from reco_core.presets import usual_method
from reco_core.types import Segmentation
from reco_core.utils.images import limit_size
from reco_core.utils.names import parse_names

FEWEST_STEPS, STEPS, MOST_STEPS = 50, 300, 600  # that can be asked for, and the usual
CHECKS, LEAST_STEPS = 12, 10  # of the photos that are kept aside, in a training; between two of them
SHOWN = (
    "ticket",
    "timer",
    "start",
    "finish",
    "cancel",
    "report",
    "training",
    "result",
    "download",
    "compared",
)  # of AdaptTab
Session = TrainingSession | None  # None: no job, or one that is no longer kept


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
        session: Session,
        progress: Progress = Progress(),
    ) -> tuple:
        """Read the photos, and put the job in the queue. The one before is let go, with its result.

        everything: whether the names cover all that is in the photos, so that no background competes.
        """

        def started() -> tuple:
            if session and not session.job.over:
                raise OptionError("your job is not done yet", remedy="Wait for it, or cancel it")
            if not files:
                raise OptionError("there are no photos", remedy="Drop some first, or a zip of them")
            job, remarks = self.job(names, int(steps), () if everything else BACKGROUND_WORDS, preset)
            for remark in remarks:
                gr.Info(escape(remark))
            job.take(progress.tqdm(Uploads(files, self.context.limits), desc="Reading your photos", unit="photos"))
            if session:
                session.close()
            return with_ticket(self._page(TrainingSession(self.queue, job)), job.ticket)

        return or_refused(started, lambda reason: (session, *_changed(report=reason)))

    def arrive(self, ticket: str) -> tuple:
        """The page was opened, perhaps again: a job that the browser has the ticket of goes on with it."""
        job = self.queue.find(ticket) if ticket else None
        if job is None:
            return None, *_changed()
        return self._page(TrainingSession.taken_over(self.queue, job))

    def tick(self, session: Session) -> tuple:
        """What the page shows of a job that waits or runs. That it is asked for keeps it."""
        with user_errors():
            if session is None:
                return None, *_changed(**_buttons(FAILED), report=reason_card("This job is no longer kept."))
            return self._page(session)

    def finish(self, session: Session) -> None:
        """End training with the best that there is."""
        if session:
            session.job.finish()

    def cancel(self, session: Session) -> None:
        """End the job with nothing."""
        if session:
            session.close()

    def compare(self, photo: str | None, session: Session, progress: Progress = Progress()) -> tuple[Markup, Session]:
        """Mark a photo with the specialist and with ReCo."""

        def compared() -> Markup:
            from reco_core.adaptation.specialist import Specialist

            job = session.job if session else None
            if job is None or job.at.stage != DONE:
                raise OptionError("there is no specialist, or it is no longer kept", remedy="Train one first")
            pixels = limit_size(read_upload(photo, "Choose one")[0], view.COMPARED_SIDE)
            progress(None, desc="Marking")
            reco = self.presets.get(job.preset)
            specialist = Specialist(job.out, str(reco.encoder.device))
            method = with_titles(usual_method(reco.encoder.preset))
            references = reco.prepare(specialist.names, method=method, background=job.job.background)
            specialist.segment(pixels)  # ReCo has its first photo behind it too

            def answer(who: str, segment: Callable[..., Segmentation]) -> view.Answer:
                started = time.perf_counter()
                return view.Answer(who, segment(pixels), time.perf_counter() - started)

            segment = partial(reco.segment, references=references, method=method)
            return view.compared(pixels, [answer("Specialist", specialist.segment), answer("ReCo", segment)])

        return or_refused(compared, lambda reason: reason), session

    def job(
        self, names: str, steps: int, background: tuple[str, ...], preset: str
    ) -> tuple[TrainingJob, tuple[str, ...]]:
        """A job that has no photos yet, and what of the names is not understood."""
        from reco_core.adaptation.job import Job, adapt

        parse_names(names or "", self.context.limits.specialist_names)  # what is wrong, before models are loaded
        recipe = replace(self.context.recipe, steps=steps, check=max(LEAST_STEPS, steps // CHECKS))
        reco = self.presets.get(preset)
        wanted, remarks = reco.understand(names, most=self.context.limits.specialist_names)
        job = Job(wanted, recipe, with_titles(usual_method(reco.encoder.preset)), background)
        run = partial(adapt, reco, device=str(reco.encoder.device), fetch=False)
        training = TrainingJob(run, job, self.context.cache, preset, self.context.limits)
        training.owner = asking()
        return training, tuple(remarks)

    def _page(self, session: TrainingSession) -> tuple:
        """Everything that depends on how far a job is; what has not changed stays."""
        job = session.job
        job.asked = time.monotonic()
        changes, at = job.changes, job.at  # before what they count, so that nothing is missed
        fresh = changes != session.shown
        session.shown = changes
        buttons = _buttons(at.stage, job.finishing)
        if at.stage == FAILED:
            problem = or_refused(job.raise_problem, lambda reason: reason)
            return session, *_changed(**buttons, report=problem, training=render("adapt/plan.html"))
        if at.stage == DONE:
            from reco_core.adaptation.specialist_card import EXAMPLES

            learned = view.learned(job, (job.out / EXAMPLES).read_bytes())
            result: dict[str, Any] = {"training": learned, "result": gr.Column(visible=True), "compared": ""}
            report, download = render("adapt/left_out.html", files=job.left_out), gr.DownloadButton(value=str(job.zip))
            return session, *_changed(**buttons, **result, report=report, download=download)
        seen = {"training": view.training(job), "result": gr.Column(visible=False)} if fresh else {}
        return session, *_changed(**buttons, **seen, report=view.status(job, self.queue.before(job)))


def _changed(**changes: Any) -> tuple:
    """What of the page changes, in the order of `SHOWN`; the rest stays."""
    return tuple(changes.get(name, gr.skip()) for name in SHOWN)


def with_ticket(page: tuple, ticket: str) -> tuple:
    """The same, and the browser remembers the job."""
    session, _, *rest = page
    return session, ticket, *rest


def _buttons(stage: str, finishing: bool = False) -> dict[str, Any]:
    """What can be pressed when a job is so far."""
    over = stage in (DONE, FAILED)
    finish, cancel = stage == TRAINING and not finishing, not over and stage != EXPORTING
    asking = {"timer": gr.Timer(active=not over), "start": gr.Button(interactive=over)}
    return {**asking, "finish": gr.Button(visible=finish), "cancel": gr.Button(visible=cancel)}
