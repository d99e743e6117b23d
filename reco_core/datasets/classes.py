"""The classes of data sets, which classes.toml names, and the words that are asked for."""

import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from reco_core.datasets.dataset import Dataset, DatasetInfo, Item, read_label_map
from reco_core.utils.names import category_words, names_in

TABLES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


def class_names(key: str) -> tuple[str, ...]:
    """The names below a key of classes.toml."""
    return names_in(TABLES[key])


def typed_words(names: Iterable[str]) -> tuple[str, ...]:
    """What is asked for: "wall-other" is "wall", "wall-brick" is "brick wall", "diningtable" is "dining table"."""
    return tuple(TABLES["typed"].get(name) or category_words(name) for name in names)


def one_word_each(
    about: DatasetInfo,
    names: tuple[str, ...],
    values: Iterable[int],
    items: tuple[Item, ...],
    *,
    background: Iterable[int] = (0,),
    read: Callable[[Path], np.ndarray] = read_label_map,
) -> Dataset:
    """A data set whose classes, and the background, are as it says, each class with one word.

    names, values: of the classes, and of their pixels in label maps. background: the values of what is none of them,
    if the data set has a background; otherwise that is not scored.
    """
    first = 1 if about.background else 0
    rows = tuple(range(first, first + len(names)))
    labels = (dict.fromkeys(background, 0) if first else {}) | dict(zip(values, rows, strict=True))
    classes = ("background", *names) if first else names
    words = typed_words(names)
    return Dataset(about.name, about.protocol, classes, words, rows, labels, items, about.background, about.side, read)
