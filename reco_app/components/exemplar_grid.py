"""Photos of an archive as tiles: what names were learned from."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from markupsafe import Markup

from reco_app.templates import render
from reco_core.types import Concept, Exemplar

MAX_TILES = 240  # in one grid; with many names each shows fewer exemplars


class Tile(NamedTuple):
    """A photo to show. photo: its address, "" if there is none. stand_in: of the picture where it cannot be loaded."""

    exemplar: Exemplar
    photo: str
    stand_in: str
    by_user: bool = False


class ConceptTiles(NamedTuple):
    """A name, how many photos it was learned from, and those of them that are shown."""

    name: str
    learned_from: int
    tiles: list[Tile]


def exemplar_grid(concepts: Sequence[Concept], tile: Callable[[Exemplar], Tile]) -> Markup:
    """What each concept was learned from."""
    shown = max(3, MAX_TILES // max(1, len(concepts)))
    groups = [ConceptTiles(c.name, len(c.exemplars), list(map(tile, c.exemplars[:shown]))) for c in concepts]
    return render("components/exemplar_grid.html", concepts=groups)
