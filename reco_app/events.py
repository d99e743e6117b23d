"""How events run: which of them wait for which, and how far they are. The API is `reco_app.api`."""

from typing import Any

import gradio as gr

from reco_app.hosting.cores import lanes
from reco_core.utils.run_control import RunControl

Options = dict[str, Any]

PRIVATE: Options = {"api_visibility": "private"}
MODEL: Options = {**PRIVATE, "concurrency_id": "model", "concurrency_limit": lanes()}  # segments
PHOTOS: Options = {**PRIVATE, "concurrency_id": "photos", "concurrency_limit": 2}  # reads many, while others segment
SEARCH: Options = {**PRIVATE, "concurrency_id": "search", "concurrency_limit": 2}  # waits for no model
PAGE: Options = {
    **PRIVATE,
    "concurrency_id": "page",
    "concurrency_limit": 1,
    "show_progress": "hidden",
}  # a minute each
LIGHT: Options = {**PRIVATE, "concurrency_id": "light", "concurrency_limit": 4, "show_progress": "hidden"}
INSTALL: Options = {**PRIVATE, "concurrency_id": "install", "concurrency_limit": 2, "show_progress": "hidden"}
# Not in Gradio's queue, where it would stand behind others' photos.
AT_ONCE: Options = {**PRIVATE, "queue": False, "show_progress": "hidden"}


def shown_on(progress: gr.Progress, unit: str, words: str = "") -> RunControl:
    """Shows what is reported as the event's bar; nothing where there is no event. words: in place of the stage's."""

    def show(stage: str, done: int, total: int) -> None:
        progress((done, total), desc=words or stage[:1].upper() + stage[1:], unit=unit)

    return RunControl(show)
