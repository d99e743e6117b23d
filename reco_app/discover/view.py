"""What the Discover tab shows: the legend, whose names can be changed. Pure functions."""

from collections.abc import Collection

from markupsafe import Markup

from reco_app.templates import render
from reco_core.types import Discovery

LEAST_LISTED = 0.01  # what else a segment may be is listed from this probability on


def order(result: Discovery) -> list[int]:
    """Segments from 0, the largest first."""
    return sorted(range(len(result.segments)), key=lambda i: -result.share(i + 1))


def legend(result: Discovery, given: Collection[str] = (), seconds: float | None = None) -> Markup:
    """A row per segment, the largest first: colour, name, how sure it is, share of the photo, what else it may be.

    given: names that the visitor gave. seconds: how long reading the photo took.
    """
    values = {"result": result, "order": order(result), "given": given, "seconds": seconds}
    return render("discover/legend.html", least=LEAST_LISTED, **values)
