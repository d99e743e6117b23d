"""How events run: which of them wait for which, what of them the page and the API show, and how far they are."""

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from reco_core.utils.run_control import RunControl

Options = dict[str, Any]

PRIVATE: Options = {"api_visibility": "private"}
MODEL: Options = {**PRIVATE, "concurrency_id": "model"}  # segments, one at a time
PHOTOS: Options = {**PRIVATE, "concurrency_id": "photos", "concurrency_limit": 2}  # reads many, while others segment
SEARCH: Options = {**PRIVATE, "concurrency_id": "search", "concurrency_limit": 2}  # waits for no model
LIGHT: Options = {**PRIVATE, "concurrency_id": "light", "concurrency_limit": 4, "show_progress": "hidden"}
INSTALL: Options = {**PRIVATE, "concurrency_id": "install", "concurrency_limit": 2, "show_progress": "hidden"}
# Not in Gradio's queue, where it would stand behind others' photos.
AT_ONCE: Options = {**PRIVATE, "queue": False, "show_progress": "hidden"}


def add_endpoint(
    name: str, call: Callable, inputs: Sequence[Any], files: Sequence[str], description: str, lane: str = "model"
) -> None:
    """A named endpoint of the API. Its replies: files by these labels, then data by the label `description`."""
    replies: list[Any] = [gr.File(visible=False, label=label) for label in files]
    replies.append(gr.JSON(visible=False, label=description))
    gr.Button(visible=False).click(call, inputs, replies, api_name=name, concurrency_id=lane)


def shown_on(progress: gr.Progress, unit: str, words: str = "") -> RunControl:
    """Shows what is reported as the event's bar; nothing where there is no event. words: in place of the stage's."""

    def show(stage: str, done: int, total: int) -> None:
        progress((done, total), desc=words or stage[:1].upper() + stage[1:], unit=unit)

    return RunControl(show)
