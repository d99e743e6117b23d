"""What users are told when something fails."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from typing import TypeVar

import gradio as gr
from markupsafe import Markup

from reco_app.templates import render
from reco_core.errors import RecoError

log = logging.getLogger("reco_app")
T = TypeVar("T")


@contextmanager
def user_errors() -> Iterator[None]:
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


def or_refused(do: Callable[[], T], refused: Callable[[Markup], T]) -> T:
    """What comes of it, or what `refused` makes of the reason: said in its place on the page, not in a corner.

    refused: takes the reason as HTML, see `reason_card`.
    """
    try:
        with user_errors():
            return do()
    except gr.Error as error:
        return refused(reason_card(Markup(error.message)))


def reason_card(why: str) -> Markup:
    """Why something was not done, as HTML. why: plain text, or HTML as Markup."""
    return render("components/reason.html", why=why)
