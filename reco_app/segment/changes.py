"""What of the Find tab an event changes."""

from typing import Any

import gradio as gr

from reco_app.segment import view
from reco_app.segment.session import FindSession, SegmentResult
from reco_app.visitor.user_photos import UserPhotos

SETTINGS = ("preset", "method", "titles", "k", "background", "context", "found_from")  # of a request, with controls
SHOWN = ("session", "viewer", "photo", "names", "downloads", "evidence", "history", "user_photos", "taught_names")
GONE = "This result is no longer kept. Press Find again."
Kept = FindSession | None  # None: no longer kept
Own = UserPhotos | None


def changed(**changes: Any) -> tuple:
    """What of the page changes, in the order of `SHOWN`; the rest stays."""
    return tuple(changes.get(name, gr.skip()) for name in SHOWN)


def with_changes(shown: tuple, **changes: Any) -> tuple:
    """The same with more changes."""
    return tuple(changes.get(name, old) for name, old in zip(SHOWN, shown, strict=True))


def nothing() -> dict[str, Any]:
    """No result to take along."""
    return {"downloads": "", "evidence": ""}


def own(user_photos: Own) -> dict[str, Any]:
    """The visitor's photos are handed on, so kept longer, and what they teach is said."""
    return {
        "names": gr.update(taught=list(user_photos.names)) if user_photos else gr.skip(),
        "user_photos": gr.skip() if user_photos is None else user_photos,
        "taught_names": view.taught_names(user_photos),
    }


def capital(text: str) -> str:
    """As a sentence of its own."""
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def shown_in(session: Kept) -> tuple[FindSession, SegmentResult]:
    """The visit and the result that it shows; raises gr.Error if that is no longer kept."""
    if session is None or session.shown is None or not session.shown.kept:
        raise gr.Error(GONE, print_exception=False)
    return session, session.shown
