"""The Adapt tab: a specialist for a visitor's photos. Its controls and what they call."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from reco_app import course, jobs, tiles
from reco_app.jobs import Queue, Ticket, Work
from reco_app.photo import PhotoInput
from reco_app.preset_pool import Pool
from reco_app.told import or_why, told
from reco_app.uploads import Uploads
from reco_core.adaptation import specialist_card
from reco_core.adaptation.job import Job, adapt
from reco_core.adaptation.recipe import QUICK, Recipe
from reco_core.adaptation.specialist import Specialist
from reco_core.errors import OptionError, PhotoError, RecoError
from reco_core.methods import BACKGROUND_WORDS
from reco_core.pipeline import usual_method
from reco_core.utils.images import limit_size, read_photo
from reco_core.utils.names import clean_names, parse_names

STEPS, FEWEST, MOST = 300, 50, 600
LOOKS, CHECK = 12, 10  # at the photos that are kept aside, in a training; steps between two of them at least


class Adapting:
    """What the tab's controls call. Holds only what all users share."""

    def __init__(self, pool: Pool, queue: Queue, cache: str, recipe: Recipe = QUICK) -> None:
        """cache: folder for what is downloaded. recipe: of all specialists, but for their steps."""
        self.pool, self.queue, self.cache, self.recipe = pool, queue, cache, recipe

    def estimate(self, files: list[str] | None, steps: int) -> str:
        """How long it would take."""
        with told():
            try:
                count = len(Uploads(files or []))
            except (RecoError, OSError):  # said when it is started
                count = 0
            return course.estimate(count, int(steps), self.queue.pace, len(self.queue))

    def start(
        self,
        files: list[str] | None,
        names: str,
        everything: bool,
        steps: int,
        preset: str,
        ticket: Ticket | None,
        progress=gr.Progress(),
    ) -> tuple:
        """Read the photos, and put the job in the queue. The one before is let go, with its result.

        everything: whether the names cover all that is in the photos, so that no background competes.
        """

        def started() -> tuple:
            if ticket and not ticket.work.over:
                raise OptionError("your job is not done yet", remedy="Wait for it, or cancel it")
            if not files:
                raise OptionError("there are no photos", remedy="Drop some first, or a zip of them")
            wanted = clean_names(parse_names(names or ""), course.MOST_NAMES)
            recipe = replace(self.recipe, steps=int(steps), check=max(CHECK, int(steps) // LOOKS))
            reco, uploads = self.pool.get(preset), Uploads(files)
            work = Work(
                partial(adapt, reco, device=str(reco.encoder.device), fetch=False),
                Job(wanted, recipe, usual_method(reco.encoder.preset), () if everything else BACKGROUND_WORDS),
                self.cache,
                preset,
            )
            work.take(uploads, lambda done: progress((done, len(uploads)), desc="Reading your photos", unit="photos"))
            if ticket:
                ticket.close()
            return self._page(self.queue.add(work))

        return or_why(started, lambda why: (ticket, *_stay(report=tiles.problem(why))))

    def tick(self, ticket: Ticket | None) -> tuple:
        """What the page shows of a job that waits or runs. That it is asked for keeps it."""
        with told():
            if ticket is None:
                return None, *_stay(
                    timer=gr.Timer(active=False),
                    report=tiles.problem("This job is no longer kept."),
                    start=gr.Button(interactive=True),
                    finish=gr.Button(visible=False),
                    cancel=gr.Button(visible=False),
                )
            return self._page(ticket)

    def finish(self, ticket: Ticket | None) -> None:
        if ticket:
            ticket.work.finish()

    def cancel(self, ticket: Ticket | None) -> None:
        if ticket:
            ticket.close()

    def compare(self, photo: str | None, ticket: Ticket | None, progress=gr.Progress()) -> tuple[str, Ticket | None]:
        """Mark a photo with the specialist and with ReCo."""

        def marked() -> str:
            work = ticket.work if ticket else None
            if work is None or work.at.stage != jobs.DONE:
                raise OptionError("there is no specialist, or it is no longer kept", remedy="Train one first")
            if not photo or not Path(photo).is_file():  # uploads are deleted after a while
                raise PhotoError("there is no photo", remedy="Choose one")
            pixels = limit_size(read_photo(photo), course.COMPARED_SIDE)
            progress(None, desc="Marking")
            reco = self.pool.get(work.preset)
            specialist = Specialist(work.out, str(reco.encoder.device))
            method = usual_method(reco.encoder.preset)
            references = reco.prepare(specialist.names, method=method, background=work.job.background)
            specialist.segment(pixels)  # ReCo has its first photo behind it too
            answers = []
            for who, segment in (
                ("Specialist", specialist.segment),
                ("ReCo", partial(reco.segment, references=references, method=method)),
            ):
                started = time.perf_counter()
                answers.append((who, segment(pixels), time.perf_counter() - started))
            return course.compared(pixels, answers)

        return or_why(marked, tiles.problem), ticket

    def _page(self, ticket: Ticket) -> tuple:
        """Everything that depends on how far a job is; what has not changed stays."""
        work = ticket.work
        work.seen = time.monotonic()
        looks, at = work.looks, work.at  # before what they count, so that nothing is missed
        fresh = looks != ticket.shown
        ticket.shown = looks
        if at.stage not in (jobs.DONE, jobs.FAILED):
            seen = {"look": course.look(work) or course.BEFORE, "result": gr.Column(visible=False)} if fresh else {}
            return ticket, *_stay(
                **seen,
                timer=gr.Timer(active=True),
                start=gr.Button(interactive=False),
                finish=gr.Button(visible=at.stage == jobs.TRAINING and not work.finishing),
                cancel=gr.Button(visible=at.stage != jobs.EXPORTING),
                report=course.status(work, self.queue.before(work)) + course.left_out(work.left_out),
            )
        ended: dict[str, Any] = {
            "timer": gr.Timer(active=False),
            "start": gr.Button(interactive=True),
            "finish": gr.Button(visible=False),
            "cancel": gr.Button(visible=False),
        }
        if at.stage == jobs.FAILED:
            return ticket, *_stay(**ended, report=or_why(work.fail, tiles.problem), look=course.BEFORE)
        charts = course.curves(work.curve, work.job.recipe.steps) if work.curve else ""
        return ticket, *_stay(
            **ended,
            report=course.left_out(work.left_out),
            result=gr.Column(visible=True),
            compared="",
            look=course.learned(work, (work.out / specialist_card.EXAMPLES).read_bytes()) + charts,
            download=gr.DownloadButton(value=str(work.zip)),
        )


SHOWN = ("timer", "start", "finish", "cancel", "report", "look", "result", "download", "compared")


def _stay(**changes: Any) -> tuple:
    """What of the page changes, in the order of `SHOWN`."""
    return tuple(changes.get(name, gr.skip()) for name in SHOWN)


class AdaptTab:
    """The tab's controls: photos and names on one side, how it goes and what came of it on the other."""

    def __init__(self, do: Adapting, keep: float) -> None:
        """keep: seconds until a job that nobody looked at is deleted."""
        self.do = do
        with gr.Tab("Adapt", id="adapt"), gr.Row(elem_id="adapt"):
            self.ticket = gr.State(time_to_live=keep, delete_callback=lambda ticket: ticket and ticket.close())
            self.timer = gr.Timer(1, active=False)
            with gr.Column(min_width=320, scale=2):
                gr.HTML(course.INTRO, apply_default_css=False)
                self.files = gr.File(
                    file_count="multiple",
                    file_types=["image", ".zip"],
                    label="Photos, or a zip of them",
                    height=150,
                    elem_id="adapt-drop",
                )
                self.names = gr.Textbox(
                    label="Names",
                    info="What to mark, with commas between",
                    lines=1,
                    max_lines=1,
                    placeholder="sky, building, road, tree, car",
                    elem_id="adapt-names",
                )
                self.everything = gr.Checkbox(
                    label="These names cover everything",
                    elem_id="adapt-everything",
                    info="For whole scenes, such as streets: every pixel gets one of them",
                )
                self.steps = gr.Slider(
                    FEWEST,
                    MOST,
                    STEPS,
                    step=10,
                    label="Training steps",
                    elem_id="adapt-steps",
                    info="More are better up to a point; it stops by itself when nothing gets better",
                )
                self.time = gr.HTML(
                    course.estimate(0, STEPS, do.queue.pace, 0), elem_id="adapt-time", apply_default_css=False
                )
                with gr.Row():
                    self.start = gr.Button("Start", variant="primary", min_width=100, elem_id="adapt-start")
                    self.finish = gr.Button("Finish now", visible=False, min_width=100, elem_id="adapt-finish")
                    self.cancel = gr.Button("Cancel", visible=False, min_width=100, elem_id="adapt-cancel")
            with gr.Column(min_width=320, scale=3):
                self.report = gr.HTML(elem_id="adapt-report", apply_default_css=False)
                self.look = gr.HTML(course.BEFORE, elem_id="adapt-look", apply_default_css=False)
                with gr.Column(visible=False, elem_id="adapt-result") as self.result:
                    self.download = gr.DownloadButton("Download (zip)", variant="primary", elem_id="adapt-download")
                    gr.HTML(course.TRY, apply_default_css=False)
                    self.photo = PhotoInput(
                        type="filepath",
                        sources=["upload", "clipboard", "webcam"],
                        label="Photo",
                        height=200,
                        elem_id="adapt-photo",
                    )
                    self.compare = gr.Button("Mark it with both", elem_id="adapt-compare")
                    self.compared = gr.HTML(elem_id="adapt-compared", apply_default_css=False)

    def connect(self, preset: gr.Dropdown) -> None:
        """Make the controls work. preset: what is chosen for segmenting."""
        do, ticket = self.do, self.ticket
        shown: list[Any] = [ticket, *(getattr(self, name) for name in SHOWN)]
        quiet: dict[str, Any] = {"api_visibility": "private"}
        light: dict[str, Any] = {**quiet, "concurrency_id": "light", "concurrency_limit": 4, "show_progress": "hidden"}
        # Asked every second by everyone who waits: not in Gradio's queue, where it would stand behind others' photos.
        at_once: dict[str, Any] = {**quiet, "queue": False, "show_progress": "hidden"}
        # One event of both: of two, the earlier one's answer could come last.
        gr.on(
            [self.files.change, self.steps.change],
            do.estimate,
            [self.files, self.steps],
            self.time,
            trigger_mode="always_last",
            **light,
        )
        gr.on(
            [self.start.click, self.names.submit],
            do.start,
            [self.files, self.names, self.everything, self.steps, preset, ticket],
            shown,
            concurrency_id="photos",
            concurrency_limit=2,
            show_progress_on=self.report,
            **quiet,
        )
        self.timer.tick(do.tick, ticket, shown, **at_once)
        for button, call in ((self.finish, do.finish), (self.cancel, do.cancel)):
            press: Callable = button.click
            press(call, ticket, None, **at_once).then(do.tick, ticket, shown, **at_once)
        self.compare.click(
            do.compare,
            [self.photo, ticket],
            [self.compared, ticket],
            concurrency_id="model",
            show_progress_on=self.compared,
            **quiet,
        )
