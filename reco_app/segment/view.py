"""What the Segment tab shows of a result. Pure functions, but for the files that pictures are written to."""

import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import numpy as np
from markupsafe import Markup
from PIL import Image

from reco_app.segment.session import SegmentResult
from reco_app.templates import render
from reco_core.export import FOUND_FROM
from reco_core.utils.visualize import overlay


class LegendRow(NamedTuple):
    """A concept in the legend. share, presence: 0..1. drawn: it has its colour in the picture."""

    name: str
    share: float
    presence: float
    found: bool
    drawn: bool
    served: bool


def choices(result: SegmentResult) -> list[tuple[str, int]]:
    """What can be ticked under Show."""
    named = enumerate(zip(result.concepts, result.found, strict=True))
    return [(concept.name if found else f"{concept.name} (not found)", i) for i, (concept, found) in named]


def legend(result: SegmentResult, drawn: Collection[int]) -> Markup:
    """A row per concept: colour, name, share of the photo, presence, and "not found" in words.

    drawn: what has its colour in the picture.
    """
    rows = [
        LegendRow(concept.name, share, presence, found, i in drawn, concept.in_archive)
        for i, (concept, share, presence, found) in enumerate(
            zip(result.concepts, result.shares, result.presence, result.found, strict=True)
        )
    ]
    outlined = bool(result.outlined(drawn))
    return render("segment/legend.html", rows=rows, result=result, outlined=outlined, usual=FOUND_FROM)


def draw(result: SegmentResult, drawn: Collection[int], opacity: float) -> tuple[str, str]:
    """Draw some concepts, what was not found as an outline: paths of a small JPEG and of a PNG to download."""
    outlined = [i + 1 for i in result.outlined(drawn)]
    kept = np.zeros(len(result.concepts) + 1, np.uint8)
    for label in (*outlined, *(i + 1 for i in drawn)):
        kept[label] = label
    picture = Image.fromarray(overlay(result.photo, kept[result.labels], len(result.concepts), opacity, outlined))
    folder = Path(tempfile.mkdtemp(dir=result.folder))  # a new name each time, or the browser shows the old picture
    picture.save(folder / "overlay.jpg", quality=92)
    picture.save(folder / "overlay.png", compress_level=1)
    return str(folder / "overlay.jpg"), str(folder / "overlay.png")
