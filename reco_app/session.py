"""What belongs to one visitor: kept as long as it is used, and then deleted with its files."""

import shutil
import tempfile
import weakref
from pathlib import Path

import gradio as gr

from reco_app.limits import Limits
from reco_app.temporary import OWNED


def session_state(limits: Limits) -> gr.State:
    """Holds an object of a visitor's that has `close`, which is called when nobody has used it for long enough."""
    return gr.State(time_to_live=limits.keep_seconds, delete_callback=lambda kept: kept and kept.close())


def private_folder(owner: object, parent: Path | None = None, prefix: str = "") -> Path:
    """A new folder of a name that cannot be guessed; it is deleted with its owner at the latest.

    An owner's `close` is not always called: of too many sessions, Gradio lets the oldest go without a word.

    parent: where it lies; None: among what is temporary, from where Gradio serves nothing.
    """
    folder = Path(tempfile.mkdtemp(dir=parent, prefix=f"{OWNED}{prefix}"))
    weakref.finalize(owner, shutil.rmtree, folder, ignore_errors=True)
    return folder
