"""What the Segment tab shows of a result. Pure functions, but for the files that pictures are written to."""

import tempfile
from collections.abc import Collection
from pathlib import Path

import numpy as np
from markupsafe import Markup

from reco_app.result_files import write_overlay
from reco_app.segment.session import SegmentResult
from reco_app.templates import render
from reco_core.export import FOUND_FROM
from reco_core.utils.visualize import overlay


def choices(result: SegmentResult) -> list[tuple[str, int]]:
    """What can be ticked under Show."""
    named = enumerate(zip(result.concepts, result.found, strict=True))
    return [(concept.name if found else f"{concept.name} (not found)", i) for i, (concept, found) in named]


def legend(result: SegmentResult, drawn: Collection[int]) -> Markup:
    """A row per concept: colour, name, share of the photo, presence, and "not found" in words.

    drawn: what has its colour in the picture.
    """
    return render("segment/legend.html", result=result, drawn=drawn, usual=FOUND_FROM)


def draw(result: SegmentResult, drawn: Collection[int], opacity: float) -> tuple[str, str]:
    """Draw some concepts, what was not found as an outline: paths of a small JPEG and of a PNG to download."""
    outlined = [i + 1 for i in result.outlined(drawn)]
    kept = np.zeros(len(result.concepts) + 1, np.uint8)
    for label in (*outlined, *(i + 1 for i in drawn)):
        kept[label] = label
    picture = overlay(result.photo, kept[result.labels], len(result.concepts), opacity, outlined)
    folder = Path(tempfile.mkdtemp(dir=result.folder))  # a new name each time, or the browser shows the old picture
    return write_overlay(picture, folder)
