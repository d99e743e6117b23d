"""The control that people give a photo to."""

from typing import Any

import gradio as gr

from reco_app.components.uploaded import uploaded
from reco_app.messages import user_errors
from reco_core.errors import PhotoError


class PhotoInput(gr.Image):
    """An image whose uploaded file comes untouched: `read_photo` checks sizes before decoding, knows EXIF and 16 bits.

    A class, for Gradio makes a session's controls anew when an example is clicked. (Gradio also writes a .pyi beside
    this.)
    """

    is_template = True  # in the page it is Gradio's own image

    def preprocess(self, payload: Any) -> str | None:
        """The file's path, or None.

        Raises:
            gr.Error: nobody uploaded it. Gradio itself lets paths through whose FileData has no `meta`.
        """
        if not payload or not payload.path:
            return None
        with user_errors():
            if (file := uploaded(payload.path)) is None:
                raise PhotoError("the photo did not arrive", expected="an uploaded file", remedy="Upload it again")
        return str(file)
