"""What users are told when something fails."""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from http import HTTPStatus
from typing import Any, TypeVar

import gradio as gr
from markupsafe import Markup

from reco_app.hosting.logs import note, unread
from reco_app.templates import render
from reco_core.errors import ArchiveError, NoSpaceError, RecoError, WeightsError
from reco_core.utils.disk_space import is_full

log = logging.getLogger("reco_app")
T = TypeVar("T")
UNEXPECTED = "Something went wrong here; it has been logged. Please try again."
BAD_REQUEST = HTTPStatus.BAD_REQUEST.phrase
UNREAD = "This request is not one of this app's."
DISK_FULL = "The server's disk is full. Please try again in a few minutes."
# Sentences for whoever has the machine, not for who looks at the page.
COMMAND = re.compile(r"[^.]*\b(?:reco [a-z]+|pip install|--[a-z]+)\b.*$", re.DOTALL)
PATH = re.compile(r" Given: (?:/|[A-Z]:\\)")  # of the machine
OPERATOR = "Whoever runs this server can mend that."


def sentence(error: Exception) -> str:
    """What a user reads of an error, as plain text; what they cannot mend is logged and only mentioned."""
    if isinstance(error, gr.Error):
        return error.message
    if any(isinstance(one, NoSpaceError) or is_full(one) for one in (error, error.__cause__) if one):
        log.error("the disk is full")
        return DISK_FULL
    if not isinstance(error, RecoError):
        note("unexpected error", logging.ERROR, error)
        return UNEXPECTED
    note("refused", kind=type(error).__name__)
    text = str(error)
    if isinstance(error, ArchiveError | WeightsError) and PATH.search(text):
        log.error("%s", text)
        text = f"{text.partition(' Given: ')[0]} {OPERATOR}"
    if COMMAND.search(text):
        text = f"{COMMAND.sub('', text).strip()} {OPERATOR}"
    if "." in text.split(maxsplit=1)[0]:  # a file's name stays as it is
        return text
    return text[0].upper() + text[1:]


@contextmanager
def user_errors() -> Iterator[None]:
    """Errors that a user can mend are shown to them; all others are logged and only mentioned."""
    try:
        yield
    except gr.Error:
        raise
    except RecoError as error:
        shown = escape(sentence(error), quote=False)
        raise gr.Error(shown, title="Please check", print_exception=False) from error
    except Exception as error:
        raise gr.Error(sentence(error), title="Sorry", print_exception=False) from error


def never_silent(blocks: gr.Blocks) -> None:
    """Have Gradio say a sentence of each error, too, that was none of ours to word: it would tell nothing."""
    process = blocks.process_api

    async def spoken(*given: Any, **options: Any) -> dict[str, Any]:
        try:
            return await process(*given, **options)
        except gr.Error:
            raise
        except Exception as error:
            if unread(error):
                note("refused", kind="Request")
                raise gr.Error(UNREAD, title=BAD_REQUEST, print_exception=False) from error
            with user_errors():
                raise

    blocks.process_api = spoken  # type: ignore[method-assign]


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
