"""What is to be seen in training photos, the largest first, as `scenes.tsv` says: things and surroundings, all of them.

Captions name what is remarkable; nobody says that there is a floor. These lists were written by a vision-language model
that was shown the photos and asked for everything that covers a hundredth of them, in plain words. They say what is in
a photo, not where. "sea?" is not sure.

    file<TAB>seen
    captions/flickr8k_00012.jpg<TAB>sky, sand, person, kite?
"""

import csv
from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).with_suffix(".tsv")


class Scene(NamedTuple):
    """sure, unsure: words for what a photo shows, the largest first. What is in neither is not there."""

    sure: tuple[str, ...]
    unsure: tuple[str, ...]


def read_scenes(file: Path = FILE) -> dict[str, Scene]:
    """folder/file of a photo -> what it shows."""
    with file.open(newline="", encoding="utf-8") as table:
        rows = csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {row["file"]: _parse(row["seen"]) for row in rows}


def _parse(seen: str) -> Scene:
    words = dict.fromkeys(word.strip() for word in seen.split(","))
    unsure = tuple(word.rstrip("?") for word in words if word.endswith("?"))
    return Scene(tuple(word for word in words if word and not word.endswith("?")), unsure)
