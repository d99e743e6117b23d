"""Cityscapes (Cordts et al., CVPR 2016): streets of German cities, the 500 photos of its validation set."""

from pathlib import Path

from reco_core.datasets.classes import class_names, one_word_each
from reco_core.datasets.dataset import Dataset, DatasetInfo, require_path
from reco_core.datasets.files import items

PHOTO, LABELS = "_leftImg8bit.png", "_gtFine_labelIds.png"  # how names end
FIRST = 7  # label ids below it (ego vehicle, out of roi, ...) are not scored
NAMES = class_names("cityscapes")


def open_cityscapes(about: DatasetInfo, root: Path) -> Dataset:
    """The validation set below a folder with leftImg8bit and gtFine.

    27 classes are the label ids 7 to 33, as PiCIE, STEGO and ReCo score them; 19 are those of the official benchmark.

    Raises:
        DatasetError: says which file is missing, and where to get it.
    """
    where, folder = about.where, root / "leftImg8bit" / "val"
    photos = require_path(folder, "the photos of Cityscapes", f"{where} (leftImg8bit_trainvaltest.zip)")
    truths = require_path(root / "gtFine" / "val", "the labels of Cityscapes", f"{where} (gtFine_trainvaltest.zip)")
    rows = []
    for photo in sorted(photos.glob(f"*/*{PHOTO}")):
        key = f"{photo.parent.name}/{photo.name.removesuffix(PHOTO)}"
        rows.append((key, photo, truths / f"{key}{LABELS}"))
    names = class_names(about.classes)
    return one_word_each(about, names, [FIRST + NAMES.index(name) for name in names], items(rows, photos, where))
