"""A segmented photo: picture, legend, and what changes them without running the model."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from reco_app.components.controls import download_row, html, result_picture
from reco_app.events import LIGHT
from reco_app.templates import text


class ResultViewer:
    """The picture with its legend, which names can be shown with one click, and files to download."""

    def __init__(self, opacity: float) -> None:
        self.shown = result_picture("Result", "overlay", 360)
        with gr.Column(visible=False, elem_id="results") as self.column:
            self.toggles = gr.CheckboxGroup(label="Show", elem_id="toggles")
            self.legend = html(elem_id="legend", js_on_load=text("components/result_viewer.js"))
            self.opacity = gr.Slider(0, 1, opacity, step=0.05, label="Opacity", elem_id="opacity")
            self.files = download_row("download")
        self.drawn = [self.shown, self.files[0], self.toggles, self.legend]  # what a redrawn result changes
        self.outputs = [self.column, *self.drawn, *self.files[1:]]

    def connect(self, redraw: Callable[..., Any], result: gr.State) -> None:
        """Make the controls work. redraw: of a result, what is ticked, and opacity: picture, file and legend."""
        for change in (self.toggles.input, self.opacity.release):
            seen, drawn = [result, self.toggles, self.opacity], [self.shown, self.files[0], self.legend]
            change(redraw, seen, drawn, trigger_mode="always_last", **LIGHT)
