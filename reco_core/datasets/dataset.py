"""Labelled photos, and how they are scored: what every data set looks like to the benchmark."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from reco_core.errors import DatasetError
from reco_core.utils.images import FORMATS, centre_crop, read_photo

UNCOUNTED = -1  # the row of pixels that are not scored


@dataclass(frozen=True)
class DatasetInfo:
    """What is known of a data set before it is opened: a table of catalogue.toml.

    name: as `bench` calls it. opener: a key of `catalogue.OPENERS`. summary: what it is, in a line. protocol: how it
    is scored, in a few words for reports. where: the official page. layout: what lies below its root, in a line.
    classes: a key of classes.toml, if the opener leaves them open. side, background: see `Dataset`. published: the key
    of published figures of the same protocol (`evaluation.published`), or "".
    """

    name: str
    opener: str
    summary: str
    protocol: str
    where: str
    layout: str
    classes: str = ""
    side: int = 0
    background: bool = False
    published: str = ""


@dataclass(frozen=True)
class Item:
    """One photo with its labels. key: unique in the set, and the same on every machine."""

    key: str
    photo: Path
    truth: Path


def read_values(file: Path, what: str, expected: str) -> np.ndarray:
    """An image's values as they are stored: (H, W) or (H, W, channels).

    Raises:
        DatasetError: the file is missing or damaged; says what it should be.
    """
    try:
        with Image.open(file, formats=FORMATS) as image:
            return np.asarray(image)
    except Exception as error:  # decoders raise all there is
        raise DatasetError(
            f"{what} cannot be read", given=f"{file}: {error}", expected=expected, remedy="Unpack the data set again"
        ) from error


def read_label_map(file: Path) -> np.ndarray:
    """Label values (H, W), integers, of a one-channel image.

    Raises:
        DatasetError: the file is missing, damaged, or has several channels.
    """
    values = read_values(file, "a label map", "a PNG of label values")
    if values.ndim != 2:
        raise DatasetError(
            "a label map has colours in place of label values", given=f"{file}: {values.shape}", expected="one channel"
        )
    return values


@dataclass(frozen=True)
class Dataset:
    """Labelled photos, the words that are asked for, and how label values and words become classes.

    name: as `bench` calls it. protocol: how it is scored, in a few words for reports.
    classes: what is scored, in the order of the rows of the confusion matrix; "background" first if
    there is one. words: what is asked for, no two alike whatever their case. word_rows: the class of
    each word; several words may share one. label_rows: label value -> class; values that are not in
    it are not scored. background: whether class 0 is everything else, for which background words
    compete. side: photos and labels are resized to this short side and cropped to its centred
    square; 0 leaves them as they are. read: how label values are read from a file.
    """

    name: str
    protocol: str
    classes: tuple[str, ...]
    words: tuple[str, ...]
    word_rows: tuple[int, ...]
    label_rows: Mapping[int, int]
    items: tuple[Item, ...]
    background: bool = False
    side: int = 0
    read: Callable[[Path], np.ndarray] = read_label_map

    def __post_init__(self) -> None:
        """Raises DatasetError if the parts do not fit together."""
        first = 1 if self.background else 0
        if not self.items:
            raise DatasetError("the data set has no photos", given=self.name)
        if not self.words or len(set(self.classes)) != len(self.classes):
            raise DatasetError(
                "a data set needs classes, no two of the same name", given=f"{self.name}: {self.classes}"
            )
        if len(self.words) != len(self.word_rows) or len({word.casefold() for word in self.words}) != len(self.words):
            raise DatasetError("words must differ, and each needs a class", given=self.name)
        rows = {*self.word_rows, *self.label_rows.values()}
        if rows and not (min(rows) >= 0 and max(rows) < len(self.classes) and min(self.word_rows) >= first):
            raise DatasetError("a word or label belongs to no class", given=f"{self.name}: {sorted(rows)}")

    def load(self, item: Item) -> tuple[np.ndarray, np.ndarray]:
        """Photo (H, W, 3) uint8 and the true class of every pixel (H, W) int64, UNCOUNTED where not scored.

        Raises:
            PhotoError, DatasetError: a file cannot be read, or label map and photo differ in size.
        """
        photo, values = read_photo(item.photo), self.read(item.truth)
        if values.shape != photo.shape[:2]:
            raise DatasetError(
                "a label map does not fit its photo", given=f"{item.key}: {values.shape}", expected=str(photo.shape[:2])
            )
        if self.side:
            photo, values = crop(photo, values, self.side)
        return photo, self.rows_of(values)

    def rows_of(self, values: np.ndarray) -> np.ndarray:
        """Label values -> classes, int64; UNCOUNTED where not scored."""
        top = max((*self.label_rows, 0)) + 1
        table = np.full(top + 1, UNCOUNTED, np.int64)
        for value, row in self.label_rows.items():
            table[value] = row
        return table[np.where((values < 0) | (values > top), np.int64(top), values)]

    def pairs(self, limit: int | None = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """`load` of each photo, in order."""
        for item in self.items[:limit]:
            yield self.load(item)


def crop(photo: np.ndarray, values: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Short side to `side` (photo bilinear, labels nearest neighbour), then the centred square."""
    height, width = values.shape
    ratio = side / min(height, width)
    size = (max(side, round(width * ratio)), max(side, round(height * ratio)))
    small = np.asarray(Image.fromarray(photo).resize(size, Image.Resampling.BILINEAR))
    rows = np.minimum(((np.arange(size[1]) + 0.5) * height / size[1]).astype(int), height - 1)
    columns = np.minimum(((np.arange(size[0]) + 0.5) * width / size[0]).astype(int), width - 1)
    return centre_crop(small), centre_crop(values[rows][:, columns])


def classes_of_words(words: Sequence[str], first: int = 0) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Words and their classes where each class has one word; of classes that share a word the first has it."""
    rows: dict[str, tuple[str, int]] = {}
    for row, word in enumerate(words, first):
        rows.setdefault(word.casefold(), (word, row))
    return tuple(word for word, _ in rows.values()), tuple(row for _, row in rows.values())


def require_path(path: Path, what: str, where: str) -> Path:
    """The path, if there is such a file or folder.

    Raises:
        DatasetError: it is missing; says what it is, and where to get it.
    """
    if not path.exists():
        raise DatasetError(
            f"{what} is missing", given=path, expected="the data set's official layout", remedy=f"Get it from {where}"
        )
    return path
