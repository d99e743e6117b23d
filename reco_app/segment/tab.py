"""The Segment tab's controls."""

from collections.abc import Callable
from functools import partial
from typing import Any

import gradio as gr

from reco_app.components.controls import html, photo_input, text_line
from reco_app.components.examples import example_files, one_click
from reco_app.components.preset_chooser import PresetChooser
from reco_app.components.result_viewer import ResultViewer
from reco_app.context import AppContext
from reco_app.events import LIGHT, MODEL, Options, add_endpoint
from reco_app.page import Page
from reco_app.segment.handlers import OPACITY, SegmentHandlers
from reco_app.session import session_state
from reco_app.templates import render
from reco_core.export import FOUND_FROM
from reco_core.methods import BACKGROUND_WORDS, CONTEXT_WORDS, METHODS
from reco_core.pipeline import usual_method
from reco_core.presets import find_preset
from reco_core.segmentation import crf

METHODS_OFFERED = ("reco2_crf", "reco2", "reco", "denseclip", "reco_crf")
BACKGROUND = "They compete with the names and count as background"
CONTEXT = "Surroundings that must not be taken for the thing"
TITLES = "reco2 learns a name from photos that are called so, too; the paper's methods go by looks alone"
PRESENCE = (
    "Presence is how sure ReCo is, from 0 to 1, that a name is in the photo at all. Below this it is not found: "
    "drawn as a dashed outline only"
)


class SegmentTab:
    """A photo and names on one side, what was marked on the other, and below what it was learned from."""

    def build(self, context: AppContext) -> None:
        """Make the tab with its controls."""
        with gr.Tab("Segment", id="segment"), example_files() as examples:
            self.result = session_state(context.limits)
            with gr.Row():
                with gr.Column(min_width=320):
                    self._build_question(context, examples)
                with gr.Column(min_width=320):
                    self.viewer = ResultViewer(OPACITY)
            with gr.Column(visible=False, elem_id="evidence") as self.evidence:
                html(render("segment/evidence.html"))
                self.exemplars = html(elem_id="gallery")

    def _build_question(self, context: AppContext, examples: list[list[str]]) -> None:
        photo, names = examples[0]
        self.photo = photo_input("Photo", "photo", 360, photo)
        info = "What to look for, with commas between"
        self.names = text_line("Names", "names", names, info=info, placeholder="cat, wall")
        self.taught_names = html(elem_id="taught")
        self.button = gr.Button("Segment", variant="primary", elem_id="segment")
        self.examples = one_click(examples, [self.photo, self.names], "examples")
        with gr.Accordion("Options", open=False, elem_id="options"):
            self._build_options(context)

    def _build_options(self, context: AppContext) -> None:
        """What has good values already."""
        first, no_crf = find_preset(context.presets.first), crf.unavailable()
        offered = [METHODS[name] for name in METHODS_OFFERED if not (no_crf and METHODS[name].refine)]
        choices = [(f"{method.name}: {method.summary}", method.name) for method in offered]
        self.chooser = PresetChooser(context)
        self.preset = self.chooser.preset
        info = no_crf and f"No CRF: {no_crf}"
        self.method = gr.Dropdown(choices, value=usual_method(first), label="Method", info=info)
        self.titles = gr.Checkbox(True, label="Titles count", info=TITLES, elem_id="titles")
        self.k = gr.Slider(1, context.limits.exemplars, first.k, step=1, label="Exemplars per name (k)")
        self.background = gr.Textbox(", ".join(BACKGROUND_WORDS), label="Background words", info=BACKGROUND)
        self.context_words = gr.Textbox(", ".join(CONTEXT_WORDS), label="Context words", info=CONTEXT)
        sure: Options = {"label": "Say found from", "info": PRESENCE, "elem_id": "found-from"}
        self.found_from = gr.Slider(0.05, 0.95, FOUND_FROM, step=0.05, **sure)

    def connect(self, context: AppContext, page: Page) -> None:
        """Make the controls work."""
        self.handlers, self.user_photos = SegmentHandlers(context), page.user_photos
        self.request = {  # the fields of a SegmentRequest
            "photo": self.photo,
            "names": self.names,
            "method": self.method,
            "k": self.k,
            "background": self.background,
            "context": self.context_words,
            "preset": self.preset,
            "titles": self.titles,
        }
        self.run_on(partial(gr.on, [self.button.click, self.names.submit]))
        self.run_on(self.examples.load_input_event.then)
        self._judge_on(partial(self.found_from.release, trigger_mode="always_last"))
        self.viewer.connect(self.handlers.redraw, self.result)
        self.chooser.connect(page, self.method, self.k)
        asked = list(self.request.values())
        add_endpoint("segment", self.handlers.segment, asked, ["overlay", "labels"], "description")

    def run_on(self, listen: Callable[..., Any]) -> None:
        """Segment when something happens, see `page.Segmenter`."""
        asked, shown = [self.viewer.opacity, self.user_photos, self.found_from], [self.result, *self.viewer.outputs]
        options: Options = {"inputs_kwargs": self.request, "show_progress_on": self.viewer.shown, **MODEL}
        event = listen(self.handlers.run, asked, shown, **options)
        evidence = [self.evidence, self.exemplars, self.user_photos, self.taught_names]
        event.success(self.handlers.exemplars, [self.result, self.user_photos], evidence, **LIGHT)
        self._judge_on(event.success)  # in case that it was changed meanwhile

    def _judge_on(self, listen: Callable[..., Any]) -> None:
        seen = [self.result, self.viewer.toggles, self.viewer.opacity, self.found_from]
        listen(self.handlers.judge, seen, [self.result, *self.viewer.drawn], **LIGHT)
