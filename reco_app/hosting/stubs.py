"""Gradio without the type stubs that it writes beside its components and ours at every start."""

import inspect
from typing import Any


def import_gradio_without_stubs() -> None:
    """Import Gradio, in two thirds of the time. It takes components that are in no file for such as need no stub."""
    getfile = inspect.getfile
    inspect.getfile = _in_no_file
    try:
        from gradio import component_meta
    finally:
        inspect.getfile = getfile
    component_meta.create_or_modify_pyi = lambda *_: None  # of our own components


def _in_no_file(object: Any) -> str:
    raise OSError(f"{object} is not asked for its file now")
