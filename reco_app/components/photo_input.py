"""The control that people give a photo to."""

from typing import Any

import gradio as gr


class PhotoInput(gr.Image):
    """An image whose uploaded file comes untouched: `read_photo` checks sizes before decoding, knows EXIF and 16 bits.

    A class, for Gradio makes a session's controls anew when an example is clicked. (Gradio also writes a .pyi beside
    this.)
    """

    is_template = True  # in the page it is Gradio's own image

    def preprocess(self, payload: Any) -> str | None:
        """The file's path, or None."""
        return payload.path if payload else None
