"""Why a call was refused: one sentence and an HTTP status."""

from http import HTTPStatus

import gradio as gr

from reco_app.messages import sentence
from reco_core.errors import NamesError, NoSpaceError, OptionError, PhotoError, RecoError

# The first that fits; an error may say its own as `status`. What is left of ours only the operator can mend.
STATUSES: tuple[tuple[type[Exception], HTTPStatus], ...] = (
    (PhotoError, HTTPStatus.BAD_REQUEST),
    (NamesError, HTTPStatus.BAD_REQUEST),
    (OptionError, HTTPStatus.BAD_REQUEST),
    (NoSpaceError, HTTPStatus.INSUFFICIENT_STORAGE),
    (RecoError, HTTPStatus.SERVICE_UNAVAILABLE),
)
PHRASES = {status.phrase: status for status in HTTPStatus}


class NotKept(OptionError):
    """There is nothing of this id, or not any more."""

    status = HTTPStatus.NOT_FOUND


def status_of(error: Exception) -> HTTPStatus:
    """4xx is the caller's fault, 5xx is not."""
    known = next((status for kind, status in STATUSES if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)
    return HTTPStatus(getattr(error, "status", known))


def refusal(error: Exception) -> gr.Error:
    """What Gradio tells the caller: the sentence, and the status by its phrase as the title."""
    if isinstance(error, gr.Error):
        return error
    return gr.Error(sentence(error), title=status_of(error).phrase, print_exception=False)


def status_named(title: object) -> HTTPStatus:
    """The status of a refusal's title."""
    return PHRASES.get(str(title), HTTPStatus.INTERNAL_SERVER_ERROR)
