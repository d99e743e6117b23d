"""How errors reach the people in front of the page."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

import gradio as gr

from reco_core.errors import RecoError

log = logging.getLogger("reco_app")


@contextmanager
def told() -> Iterator[None]:
    """Errors that a user can mend are shown to them; all others are logged and only mentioned."""
    try:
        yield
    except gr.Error:
        raise
    except RecoError as error:
        text = str(error)
        if "." not in text.split(maxsplit=1)[0]:  # a file's name stays as it is
            text = text[0].upper() + text[1:]
        raise gr.Error(escape(text, quote=False), title="Please check", print_exception=False) from error
    except Exception as error:
        log.exception("unexpected error")
        raise gr.Error(
            "Something went wrong here; it has been logged. Please try again.", title="Sorry", print_exception=False
        ) from error


def or_why(do: Callable[[], Any], refused: Callable[[str], Any]) -> Any:
    """What comes of it, or what `refused` makes of the reason: said in its place on the page, not in a corner."""
    try:
        with told():
            return do()
    except gr.Error as error:
        return refused(str(error.message))
