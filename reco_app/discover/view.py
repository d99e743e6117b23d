"""What the tab What's in it? shows: the legend, whose names can be changed. Pure functions."""

from collections.abc import Collection

import numpy as np
from markupsafe import Markup

from reco_app.components.viewer import View, done, layer, named
from reco_app.templates import render
from reco_core.types import Discovery
from reco_core.utils.images import resize_labels

SURE = 0.4  # names below are guesses: right less than half of the time
LEAST_LISTED = 0.01  # what else a segment may be is listed from this probability on


def order(result: Discovery) -> list[int]:
    """Segments from 0, the largest first."""
    return sorted(range(len(result.segments)), key=lambda i: -result.share(i + 1))


def sure(result: Discovery, given: Collection[str] = ()) -> list[int]:
    """Those of `order` whose names ReCo is sure enough of to offer them, or that the visitor gave."""
    names = [segment.name in given or segment.confidence >= SURE for segment in result.segments]
    return [i for i in order(result) if names[i]]


def seen(photo: np.ndarray | None, result: Discovery, given: Collection[str], file: str) -> View:
    """What the viewer shows. photo: (h, w, 3) uint8; labels are made as large."""
    shown = np.zeros((*result.labels.shape, 3), np.uint8) if photo is None else photo
    confidence = [segment.confidence for segment in result.segments]
    shares = [result.share(i + 1) for i in range(len(confidence))]
    # Every part has its colour; what the legend calls a guess has a question mark on the photo too.
    known = sure(result, given)
    names = named(
        [name if i in known else f"{name}?" for i, name in enumerate(result.names)],
        ["found"] * len(confidence),
        shares,
        confidence,
    )
    return done(shown, [layer("Found", resize_labels(result.labels, shown.shape[:2]))], names, file=file)


def legend(result: Discovery, given: Collection[str] = (), seconds: float | None = None) -> Markup:
    """A row per segment, the largest first: colour, name, how sure it is, share of the photo, what else it may be.
    Guesses are folded.

    given: names that the visitor gave. seconds: how long reading the photo took.
    """
    known = sure(result, given)
    guesses = [i for i in order(result) if i not in known]
    values = {"result": result, "known": known, "guesses": guesses, "given": given, "seconds": seconds}
    return render("discover/legend.html", least=LEAST_LISTED, **values)
