"""The control that shows the evidence."""

from typing import Any

import gradio as gr

from reco_app.templates import text


class Evidence(gr.HTML):
    """A fold for each name. Events: `drop`, whose data are a photo's `row` and the `name`; `undo`, to take back the
    last one left out. A class, for its buttons. (Gradio writes a .pyi beside this.)
    """

    def __init__(self, **options: Any) -> None:
        script = text("components/evidence/evidence.js")
        super().__init__("", apply_default_css=False, elem_id="evidence", js_on_load=script, **options)

    def get_block_name(self) -> str:
        """In the page it is Gradio's own HTML."""
        return "html"
