"""The tab Train's controls."""

from typing import Any

import gradio as gr

from reco_app.adapt import view
from reco_app.adapt.handlers import FEWEST_STEPS, MOST_STEPS, SHOWN, STEPS, AdaptHandlers
from reco_app.components.controls import html, photo_drop, photo_input, text_line
from reco_app.context import AppContext
from reco_app.events import AT_ONCE, LIGHT, MODEL, PHOTOS, PRIVATE, Options
from reco_app.page import Page
from reco_app.session import session_state
from reco_app.templates import render


class AdaptTab:
    """Photos and names on one side, how it goes and what came of it on the other."""

    def build(self, context: AppContext) -> None:
        """Make the tab with its controls."""
        self.handlers = AdaptHandlers(context)
        with gr.Tab("Train", id="train") as self.tab, gr.Row(elem_id="adapt"):
            self.session = session_state(context.limits)
            with gr.Column(min_width=320, scale=2):
                self._build_question(context)
            with gr.Column(min_width=320, scale=3):
                self._build_result()

    def _build_question(self, context: AppContext) -> None:
        html(render("adapt/intro.html", limits=context.limits))
        self.files = photo_drop("adapt-drop")
        info, example = "What to mark, with commas between", "sky, building, road, tree, car"
        self.names = text_line("Names", "adapt-names", info=info, placeholder=example)
        label, info = "These names cover everything", "For whole scenes, such as streets: every pixel gets one of them"
        self.everything = gr.Checkbox(label=label, info=info, elem_id="adapt-everything")
        info = "More are better up to a point; it stops by itself when nothing gets better"
        steps: Options = {"step": 10, "label": "Training steps", "info": info, "elem_id": "adapt-steps"}
        self.steps = gr.Slider(FEWEST_STEPS, MOST_STEPS, STEPS, **steps)
        self.time = html(view.estimate(0, STEPS, context.queue.pace, 0, context.limits), elem_id="adapt-time")
        with gr.Row():
            self.start = gr.Button("Start", variant="primary", min_width=100, elem_id="adapt-start")
            self.finish = gr.Button("Finish now", visible=False, min_width=100, elem_id="adapt-finish")
            self.cancel = gr.Button("Cancel", visible=False, min_width=100, elem_id="adapt-cancel")

    def _build_result(self) -> None:
        self.report = html(elem_id="adapt-report")
        self.training = html(render("adapt/plan.html"), elem_id="adapt-look")
        with gr.Column(visible=False, elem_id="adapt-result") as self.result:
            self.download = gr.DownloadButton("Download (zip)", variant="primary", elem_id="adapt-download")
            html(render("adapt/try.html"))
            self.photo = photo_input("Photo", "adapt-photo", 200)
            self.compare = gr.Button("Mark it with both", elem_id="adapt-compare")
            self.compared = html(elem_id="adapt-compared")

    def connect(self, context: AppContext, page: Page) -> None:
        """Make the controls work."""
        do, session = self.handlers, self.session
        # Not in the tab, where they would not be before it is first looked at. With the ticket a reload finds the job.
        self.ticket = gr.BrowserState("", storage_key="reco-training")
        self.timer = gr.Timer(1, active=False)
        shown: list[Any] = [session, *(getattr(self, name) for name in SHOWN)]
        # One event of both: of two, the earlier one's answer could come last.
        changed = [self.files.change, self.steps.change]
        gr.on(changed, do.estimate, [self.files, self.steps], self.time, trigger_mode="always_last", **LIGHT)
        asked = [self.files, self.names, self.everything, self.steps, page.segment.preset, session]
        page.blocks.load(do.arrive, self.ticket, shown, **LIGHT)
        self.tab.select(
            None, [page.segment.photo, self.photo], self.photo, js="(shown, own) => own ?? shown", **PRIVATE
        )
        starts = [self.start.click, self.names.submit]
        gr.on(starts, do.start, asked, shown, show_progress_on=self.report, **PHOTOS)
        # Asked every second by everyone who waits.
        self.timer.tick(do.tick, session, shown, **AT_ONCE)
        for press, call in ((self.finish.click, do.finish), (self.cancel.click, do.cancel)):
            press(call, session, None, **AT_ONCE).then(do.tick, session, shown, **AT_ONCE)
        given, answer = [self.photo, session], [self.compared, session]
        self.compare.click(do.compare, given, answer, show_progress_on=self.compared, **MODEL)
