"""The control with the links."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr
from markupsafe import Markup

from reco_app.templates import render, text


class Downloads(gr.HTML):
    """Links to files by kind. Events: `click`, whose data say `what` kind is wanted, and `web`, a page, which takes
    longer; answered by `ready`, or after a failure by `stopped`.

    A class, for its address. (Gradio writes a .pyi beside this.)
    """

    def __init__(self, **options: Any) -> None:
        script = text("components/downloads/downloads.js")
        options |= {"elem_id": "downloads", "ready": None}
        super().__init__("", apply_default_css=False, js_on_load=script, **options)

    def get_block_name(self) -> str:
        """In the page it is Gradio's own HTML."""
        return "html"

    @staticmethod
    def stopped() -> str:
        """A script for an event that failed: nothing is being written any more."""
        return (
            "() => { const downloads = document.querySelector('#downloads'); delete downloads.dataset.making;"
            " downloads.querySelector('[role=status]').textContent = ''; }"
        )

    @staticmethod
    def ready(file: Path) -> Any:
        """An update with which the browser saves a file that Gradio serves."""
        return gr.update(ready=[address(file), file.name, time.time_ns()])  # the same file twice is still news


def links(titles: Mapping[str, str]) -> Markup:
    """What `Downloads` shows: titles by kind."""
    return render("components/downloads/downloads.html", titles=titles)


def address(file: Path) -> str:
    """Of a file that Gradio serves, relative to the page."""
    return f"gradio_api/file={quote(str(file))}"
