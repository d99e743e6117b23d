"""How events run: which of them wait for which, and what of them the page and the API show."""

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

Options = dict[str, Any]

PRIVATE: Options = {"api_visibility": "private"}
MODEL: Options = {**PRIVATE, "concurrency_id": "model"}  # segments, one at a time
PHOTOS: Options = {**PRIVATE, "concurrency_id": "photos", "concurrency_limit": 2}  # reads many, while others segment
LIGHT: Options = {**PRIVATE, "concurrency_id": "light", "concurrency_limit": 4, "show_progress": "hidden"}
# Not in Gradio's queue, where it would stand behind others' photos.
AT_ONCE: Options = {**PRIVATE, "queue": False, "show_progress": "hidden"}


def add_endpoint(name: str, call: Callable, inputs: Sequence[Any], files: Sequence[str], description: str) -> None:
    """A named endpoint of the API. Its replies: files by these labels, then data by the label `description`."""
    replies: list[Any] = [gr.File(visible=False, label=label) for label in files]
    replies.append(gr.JSON(visible=False, label=description))
    gr.Button(visible=False).click(call, inputs, replies, api_name=name, concurrency_id="model")
