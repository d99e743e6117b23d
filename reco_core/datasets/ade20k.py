"""ADE20K's scene parsing benchmark (Zhou et al., CVPR 2017): 150 classes, the 2,000 photos of its validation set."""

from pathlib import Path

from reco_core.datasets.classes import class_names, one_word_each
from reco_core.datasets.dataset import Dataset, DatasetInfo, require_path
from reco_core.datasets.files import first_existing, items


def open_ade20k(about: DatasetInfo, root: Path) -> Dataset:
    """The validation set below a folder with ADEChallengeData2016, or below that folder itself.

    Pixels of value 0 belong to none of the 150 classes and are not scored.

    Raises:
        DatasetError: says which file is missing, and where to get it.
    """
    places = ("ADEChallengeData2016/images/validation", "images/validation")
    photos = first_existing(root, places, "ADE20K", about.where)
    truths = require_path(photos.parent.parent / "annotations" / "validation", "the labels of ADE20K", about.where)
    rows = ((photo.stem, photo, truths / f"{photo.stem}.png") for photo in sorted(photos.glob("*.jpg")))
    names = class_names(about.classes)
    return one_word_each(about, names, range(1, len(names) + 1), items(rows, photos, about.where))
