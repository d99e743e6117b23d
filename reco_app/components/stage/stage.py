"""A photo and its result in one place."""

import gradio as gr

from reco_app.components.controls import html, photo_input
from reco_app.components.viewer import View, Viewer
from reco_app.limits import Limits
from reco_app.templates import render, text


class Stage:
    """Takes a photo by a click, a drop, the clipboard or a camera, and shows it with what was found.

    photo: the uploaded file. viewer: shows it with what was found.
    """

    def __init__(
        self,
        limits: Limits,
        elem_id: str,
        viewer_id: str,
        *,
        several: str = "",
        photo: str | None = None,
        view: View | None = None,
    ) -> None:
        """elem_id: of the photo's control. several: the id of the control that takes more than one file.
        photo, view: what is there at first."""
        with gr.Column(elem_classes="reco-stage", elem_id=f"{elem_id}-stage"):
            self.photo = photo_input("Photo", elem_id, 380, photo, show_label=False)
            self.viewer = Viewer(view, elem_id=viewer_id, upload_bytes=limits.upload_bytes)
            html(
                render("components/stage/stage.html", photo=elem_id, several=several, most=limits.upload_bytes),
                js_on_load=text("components/stage/stage.js"),
                elem_classes="reco-stage-bar",
            )
