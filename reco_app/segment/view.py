"""What the Find tab shows of a result. Pure functions."""

import numpy as np
from markupsafe import Markup

from reco_app.components.viewer import View
from reco_app.segment.request import link
from reco_app.segment.session import FindSession, SegmentResult
from reco_app.templates import render
from reco_app.visitor.user_photos import UserPhotos
from reco_core.export.answers import found_labels
from reco_core.presets import find_preset
from reco_core.types import Segmentation
from reco_core.utils.images import resize_labels
from reco_core.utils.visualize import overlay

OPACITY = 0.6


def painted(photo: np.ndarray, result: Segmentation, found_from: float) -> np.ndarray:
    """The masks of what was found over a photo (h, w, 3) uint8, which may be smaller than the one that was marked."""
    labels = found_labels(result, found_from)
    return overlay(photo, resize_labels(labels, photo.shape[:2]), len(result.names), OPACITY)


def linked(result: SegmentResult, seen: View, first: str) -> View:
    """With the address that asks the same again. first: the server's own preset."""
    return seen | {"link": link(result.asked, find_preset(first), result.example)}  # type: ignore[return-value]


def history(session: FindSession) -> Markup:
    """The visit's results, the newest first; nothing for only one."""
    return render("segment/history.html", results=session.results[::-1], shown=session.shown)


def taught_names(user_photos: UserPhotos | None) -> Markup:
    """A line beside the names: which of them the visitor's photos teach."""
    return render("components/taught_names.html", names=user_photos.names if user_photos else {})
