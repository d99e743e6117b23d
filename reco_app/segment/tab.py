"""The Find tab's controls."""

from collections.abc import Callable
from functools import partial
from typing import Any

import gradio as gr

from reco_app.components.controls import fold, html, photo_drop
from reco_app.components.downloads import Downloads
from reco_app.components.evidence.evidence import Evidence
from reco_app.components.names_input.name_help import NameHelp
from reco_app.components.names_input.names_input import NamesInput
from reco_app.components.stage import Stage
from reco_app.context import AppContext
from reco_app.events import AT_ONCE, LIGHT, MODEL, PAGE, PHOTOS, PRIVATE, Options
from reco_app.page import Page
from reco_app.segment.again import AgainHandlers
from reco_app.segment.changes import SETTINGS, SHOWN
from reco_app.segment.handlers import SegmentHandlers
from reco_app.segment.options import FindOptions
from reco_app.segment.several import SeveralHandlers
from reco_app.segment.welcome import Welcome
from reco_app.session import session_state
from reco_app.templates import render, text

SETTLE = text("segment/settle.js")  # the result is dimmed while the names are others than it was asked for

ASKED = "window.recoAsked"  # whether this page's visitor has asked for anything
NOT_DONE = "Press Find to look for these names."  # cancelled, or refused


class SegmentTab:
    """A photo that becomes the result, names under it, and below what can be done with it."""

    def build(self, context: AppContext) -> None:
        """Make the tab with its controls."""
        self.handlers = SegmentHandlers(context)
        self.welcome = Welcome(self.handlers)
        context.warm_ups.append(self.welcome.result)
        with gr.Tab("Find", id="find"), gr.Column(elem_id="find"):
            self.session = session_state(context.limits)
            photo, before = self.welcome.request.photo, self.welcome.before()
            self.stage = Stage(context.limits, "photo", "viewer", several="several", photo=photo, view=before)
            self.photo, self.viewer = self.stage.photo, self.stage.viewer
            self._build_question(context)
            with gr.Column(elem_id="learned-from"):
                html("<h2 class='reco-h'>What it learned from</h2>")
                self.evidence = Evidence()
            self.history = html(elem_id="history", js_on_load=text("segment/history.js"))
            with fold("Several photos at once", "several-fold"):
                self._build_several()
            with fold("Options", "options"):
                self.options = FindOptions(context)

    def _build_question(self, context: AppContext) -> None:
        first = self.welcome.request
        with gr.Row(elem_id="question", equal_height=True):
            self.names = NamesInput(first.names, name_help=NameHelp(context.presets), scale=5, min_width=240)
            self.button = gr.Button("Find", variant="primary", elem_id="segment", scale=1, min_width=112)
            self.stop = gr.Button("Cancel", elem_id="stop", scale=1, min_width=112)
        self.taught_names = html(elem_id="taught")
        self.downloads = Downloads()
        page = render("components/examples.html", examples=context.examples.all.values())
        self.examples = html(page, elem_id="examples", js_on_load=text("components/examples.js"))

    def _build_several(self) -> None:
        html("<p class='reco-note'>The same names in up to 60 photos: drop them here, or onto the photo above.</p>")
        about = "Such as streets, or rooms of a house: what all have in common counts less. Leave it off for a mixture."
        self.one_kind = gr.Checkbox(label="They are of one kind", info=about, elem_id="several-one-kind")
        self.files = photo_drop("several")
        with gr.Row():
            self.all = gr.Button("Find in all", elem_id="several-start")
            self.several_stop = gr.Button("Stop", visible=False, elem_id="several-stop")
        self.grid = html(elem_id="several-grid")

    @property
    def preset(self) -> gr.Dropdown:
        """The models chosen for all tabs."""
        return self.options.preset

    def connect(self, context: AppContext, page: Page) -> None:
        """Make the controls work."""
        do, again, self.user_photos = self.handlers, AgainHandlers(self.handlers), page.user_photos
        self.request = {"photo": self.photo, "names": self.names, **self.options.request}
        self.shown: list[Any] = [page.user_photos if name == "user_photos" else getattr(self, name) for name in SHOWN]
        self.mine = [self.session, self.user_photos]
        settings = [self.options.request[name] for name in SETTINGS]
        # Who asks for something else before the example is there does not get that afterwards.
        opened = gr.State()  # what it changes to is looked for
        arriving = page.blocks.load(self.welcome.arrive, None, [*self.shown, *settings, opened], **LIGHT)
        arriving.failure(None, None, None, js=unless_asked(self.viewer.tell_refusal(NOT_DONE)), **PRIVATE)
        looking = opened.change(self.welcome.look, [opened, *self.mine], self.shown, **MODEL, show_progress="hidden")
        looking.failure(None, None, None, js=unless_asked(self.viewer.tell("empty", NOT_DONE)), **PRIVATE)
        self.first = [arriving, looking]
        running = [
            looking,
            self._looks(partial(gr.on, [self.button.click, self.names.submit]), do.run),
            self._looks(self.examples.click, do.run_example),
            self._looks(self.viewer.teach, again.teach, message="Learning from your photos …"),
            self._looks(self.evidence.drop, again.drop, ask=False),
            self._looks(self.evidence.undo, again.undo, ask=False),
        ]
        self._looks(self.viewer.compare, again.compare, ask=False)
        self._looks(self.viewer.decided, again.decided, ask=False, message="Reading how it decided …")
        stopped, kept = [self.session, self.photo], [self.session, self.viewer]
        self.stop.click(do.cancel, stopped, kept, js=self.viewer.tell(None), cancels=running, **AT_ONCE)
        photo = [self.session, self.photo, self.names], [self.session, self.photo, self.viewer, self.names]
        self.photo.input(do.given, *photo, **LIGHT)
        judged = [self.session, self.options.found_from]
        self.options.found_from.release(do.judge, judged, self.shown, trigger_mode="always_last", **LIGHT)
        taken = [self.session, self.downloads]
        written = self.downloads.click(do.download, self.session, taken, **LIGHT)
        made = self.downloads.web(do.page.take, self.mine, taken, **PAGE)
        for event in (written, made):
            event.failure(None, None, None, js=self.downloads.stopped(), **PRIVATE)
        self.history.click(do.pick, self.mine, [*self.shown, *settings], **LIGHT)
        gr.on([self.names.change, self.viewer.change], None, [self.names, self.viewer], None, js=SETTLE, **PRIVATE)
        self.preset.change(lambda preset: gr.update(preset=preset), self.preset, self.names, **LIGHT)
        self._connect_several()
        self.options.connect(page)

    def run_on(self, listen: Callable[..., Any]) -> None:
        """Look for the names when something happens, see `page.Segmenter`."""
        self._looks(listen, self.handlers.run)

    def _looks(self, listen: Callable[..., Any], call: Callable, message: str = "Looking …", ask: bool = True) -> Any:
        """An event that shows another result. ask: whether it needs what is asked now."""
        options: Options = {"inputs_kwargs": self.request} if ask else {}
        options |= {"cancels": self.first}
        event = listen(
            call,
            self.mine,
            self.shown,
            js=f"(...given) => {{ {ASKED} = true; return ({self.viewer.tell('running', message)})(...given); }}",
            **options,
            **MODEL,
            show_progress="hidden",
        )
        # Refused before the call, such as for a value that a control does not have.
        event.failure(None, None, None, js=self.viewer.tell(None), **PRIVATE)
        return event

    def _connect_several(self) -> None:
        handlers = SeveralHandlers(self.handlers)
        given = [self.files, self.one_kind, *self.mine]
        starts = [self.files.upload, self.all.click]
        gr.on(starts, lambda: gr.Button(visible=True), None, self.several_stop, **AT_ONCE)
        running = gr.on(
            starts,
            handlers.run,
            given,
            [self.session, self.grid],
            inputs_kwargs={key: value for key, value in self.request.items() if key != "photo"},
            show_progress_on=self.grid,
            **PHOTOS,
        )
        running.then(lambda: gr.Button(visible=False), None, self.several_stop, **AT_ONCE)
        self.several_stop.click(handlers.stop, self.session, self.session, **AT_ONCE)


def unless_asked(script: str) -> str:
    """A script for an event's `js` that does nothing once the visitor has asked for something else."""
    return f"(...given) => {ASKED} ? given : ({script})(...given)"
