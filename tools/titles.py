"""The training photos that have titles, and what the titles say.

A quarter of them, chosen by a checksum of the file name, is held out: it trains nothing and serves
to fit and to measure (`held_out`).
"""

import csv
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reco_core.utils.images import read_photo

# what a source calls by another word, or misspells
WORDS = {
    "saxaphone": "saxophone",
    "acordian": "accordion",
    "marakas": "maracas",
    "casaba": "melon",
    "inside city": "city",
    "industrial": "factory",
    "open country": "field",
    "buildings": "building",
    "tall building": "skyscraper",
}
CLASSES_TAR = "mini_imagenet_84px.tar"  # its titles are names of ImageNet classes


@dataclass(frozen=True)
class Titled:
    """A training photo: file and tar that hold it; word: its title in plain words."""

    file: str
    tar: str
    word: str

    @property
    def is_class(self) -> bool:
        """Whether the word is the name of an ImageNet class."""
        return self.tar == CLASSES_TAR

    @property
    def held_out(self) -> bool:
        return zlib.crc32(self.file.encode()) % 4 == 0


def titled_photos(folder: Path) -> list[Titled]:
    """The photos of a training folder (manifest.tsv beside tars), in the manifest's order."""
    with (folder / "manifest.tsv").open(newline="", encoding="utf-8") as table:
        rows = list(csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [Titled(r["file"], r["tar"], WORDS.get(r["title"], r["title"]).lower()) for r in rows]


def pixels(folder: Path, photos: list[Titled]) -> Iterator[tuple[int, np.ndarray]]:
    """Index and pixels (H, W, 3) uint8 of every photo, tar by tar."""
    for tar in dict.fromkeys(photo.tar for photo in photos):
        with tarfile.open(folder / tar) as members:
            for i, photo in enumerate(photos):
                if photo.tar == tar:
                    yield i, read_photo(members.extractfile(photo.file).read())
