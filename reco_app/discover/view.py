"""What the Discover tab shows: the legend, whose names can be changed. Pure functions."""

from collections.abc import Collection
from typing import NamedTuple

from markupsafe import Markup

from reco_app.templates import render
from reco_core.types import Discovery, Segment

LEAST_LISTED = 0.01  # what else a segment may be is listed from this probability on


class LegendRow(NamedTuple):
    """A segment in the legend. colour: its index. share: of the photo. others: names that it may have too."""

    colour: int
    segment: Segment
    share: float
    given: bool
    others: list[str]


def order(result: Discovery) -> list[int]:
    """Segments from 0, the largest first."""
    return sorted(range(len(result.segments)), key=lambda i: -result.share(i + 1))


def legend(result: Discovery, given: Collection[str] = (), seconds: float | None = None) -> Markup:
    """A row per segment, the largest first: colour, name, how sure it is, share of the photo, what else it may be.

    given: names that the visitor gave. seconds: how long reading the photo took.
    """
    rows = [_row(i, result.segments[i], result.share(i + 1), given) for i in order(result)]
    return render("discover/legend.html", rows=rows, given=given, seconds=seconds)


def _row(index: int, segment: Segment, share: float, given: Collection[str]) -> LegendRow:
    others = [other for other, chance in segment.others if chance >= LEAST_LISTED]
    return LegendRow(index, segment, share, segment.name in given, others)
