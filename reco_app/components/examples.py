"""Example photos: scikit-image's, which come inside the package, with names to look for."""

import hashlib
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import skimage
from PIL import Image

from reco_app.formats import square_url
from reco_core.utils.images import read_photo

PHOTOS = Path(skimage.__file__).parent / "data"


class Example(NamedTuple):
    """An example. key: its name in links. names: to look for. file: its photo. picture: address of a small one."""

    key: str
    names: str
    file: Path
    picture: str


EXAMPLES = (
    ("motorcycle", "motorcycle_left.png", "motorcycle, floor, dog"),
    ("rocket", "rocket.jpg", "rocket, sky, person"),
    ("coffee", "coffee.png", "cup, table, spoon"),
    ("chelsea", "chelsea.png", "cat, dog"),
    ("astronaut", "astronaut.png", "person, flag, wall"),
)
WELCOME = "motorcycle"  # what a first visit shows: things that are found, and one that is not there
SIDE = 144  # pixels of a small picture


class Examples:
    """The examples of a server, their photos as files where Gradio serves files."""

    def __init__(self, cache: Path) -> None:
        """cache: a folder that Gradio serves results from."""
        self.folder = cache / "examples"

    @cached_property
    def all(self) -> dict[str, Example]:
        """By key; written the first time that they are asked for."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return {key: self._example(key, read_photo(PHOTOS / file), names) for key, file, names in EXAMPLES}

    def key_of(self, photo: str | None) -> str:
        """Which example's photo a file is; "" if of none. Gradio hands files on as copies."""
        file = Path(photo or "")
        stem = self.all.get(file.stem)
        return file.stem if stem and file.is_file() and _digest(file) == _digest(stem.file) else ""

    def _example(self, key: str, photo: np.ndarray, names: str) -> Example:
        file = self.folder / f"{key}.jpg"
        Image.fromarray(photo).save(file, quality=93)
        return Example(key, names, file, square_url(photo, SIDE))


def _digest(file: Path) -> bytes:
    return hashlib.sha256(file.read_bytes()).digest()
