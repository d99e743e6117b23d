"""What the Archive tab shows: what was found, what the visitor has. Pure functions."""

from collections.abc import Callable, Mapping, Sequence

from markupsafe import Markup

from reco_app.components.exemplar_grid import Tile
from reco_app.templates import render
from reco_app.visitor.user_photos import UserPhoto
from reco_core.types import LeftOut

USER_TILE_SIDE = 120  # pixels of a visitor's photo


def search_results(tiles: Sequence[Tile], of: int) -> Markup:
    """Photos nearest to a search, best first. of: how many were searched."""
    return render("archive/search_results.html", tiles=tiles, of=of)


def photo_list(
    photos: Sequence[UserPhoto], seeds: Mapping[str, tuple[float, float]], picture: Callable[[UserPhoto], str]
) -> Markup:
    """What the visitor has: names with their photos, then photos without a name.

    seeds: by file, the point (y, x), each 0..1, that its name was learned from. picture: a photo's address.
    """
    groups: dict[str, list[UserPhoto]] = {}
    for photo in sorted(photos, key=lambda photo: not photo.name):  # stable: those without a name come last
        groups.setdefault(photo.name, []).append(photo)
    return render("archive/photos.html", count=len(photos), groups=groups, seeds=seeds, picture=picture)


def added(count: int, name: str, left_out: Sequence[LeftOut]) -> Markup:
    """What became of photos that were given. name: what they teach, or ""."""
    return render("archive/added.html", count=count, name=name, left_out=left_out)


def removed(count: int) -> Markup:
    """How many photos were removed."""
    return render("archive/removed.html", count=count)
