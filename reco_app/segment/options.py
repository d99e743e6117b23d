"""The Find tab's options: what has good values already, each with a line that says what it does."""

from typing import Any

import gradio as gr

from reco_app.components.controls import html
from reco_app.components.preset_chooser import PresetChooser
from reco_app.context import AppContext
from reco_app.events import Options
from reco_app.page import Page
from reco_app.segment.request import FOUND_LEAST, FOUND_MOST, offered, usual
from reco_core.presets import find_preset
from reco_core.segmentation import crf

BACKGROUND = "Things that are not looked for, but take what fits them better than your names"
CONTEXT = "Surroundings that shall not be taken for the thing itself, such as the sky around a plane"
TITLES = "Photos whose title has the name in it teach it too; without, only those that look like it"
K = "How many photos each name is learned from"
METHOD = "How photo and name are compared. The first is the best; the others are there to compare with"
FOUND = (
    "How sure ReCo must be, from 0 to 1, to say that something is there. Lower: more is found, and more that is wrong"
)
NO_CRF = "reco_crf, for comparison, is not installed on this server."


class FindOptions:
    """Controls of all that is asked besides photo and names."""

    def __init__(self, context: AppContext) -> None:
        first, no_crf = find_preset(context.presets.first), crf.unavailable()
        normal = usual(first)
        choices = [(f"{method.name}: {method.summary}", method.name) for method in offered()]
        sure: Options = {"label": "Say found from", "info": FOUND, "elem_id": "found-from"}
        self.found_from = gr.Slider(FOUND_LEAST, FOUND_MOST, normal.found_from, step=0.05, **sure)
        self.chooser = PresetChooser(context)
        self.preset = self.chooser.preset
        info = f"{METHOD}. {NO_CRF}" if no_crf else METHOD
        self.method = gr.Dropdown(choices, value=normal.method, label="Method", info=info, elem_id="method")
        self.titles = gr.Checkbox(normal.titles, label="Titles count", info=TITLES, elem_id="titles")
        label = "Photos per name (k)"
        self.k = gr.Slider(1, context.limits.exemplars, normal.k, step=1, label=label, info=K, elem_id="k")
        self.background = gr.Textbox(normal.background, label="Background words", info=BACKGROUND)
        self.context_words = gr.Textbox(normal.context, label="Context words", info=CONTEXT)
        self.status = html("Loading the model …", elem_id="status")

    @property
    def request(self) -> dict[str, Any]:
        """Controls by the fields of a SegmentRequest."""
        return {
            "method": self.method,
            "k": self.k,
            "background": self.background,
            "context": self.context_words,
            "preset": self.preset,
            "titles": self.titles,
            "found_from": self.found_from,
        }

    def connect(self, page: Page) -> None:
        """Make the controls work."""
        self.chooser.connect(page, self.status, self.method, self.k)
