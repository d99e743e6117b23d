"""PASCAL VOC 2012 (Everingham et al., IJCV 2010) and PASCAL-Context (Mottaghi et al., CVPR 2014): validation sets."""

from pathlib import Path

from reco_core.datasets.classes import class_names, one_word_each
from reco_core.datasets.dataset import Dataset, DatasetInfo, require_path
from reco_core.datasets.files import first_existing, items, read_photo_list

VOC2010_PAGE = "https://thor.robots.ox.ac.uk/pascal/VOC/voc2010/VOCtrainval_03-May-2010.tar"
CONVERTED = "https://mmsegmentation.readthedocs.io/en/latest/user_guides/2_dataset_prepare.html"


def open_pascal(about: DatasetInfo, root: Path) -> Dataset:
    """A validation set below a folder with VOCdevkit, below VOCdevkit, or below its VOC2012 (Context: VOC2010).

    PASCAL-Context's labels are the PNGs that mmsegmentation's converter makes of the official annotations; VOC's are
    the official ones.

    Raises:
        DatasetError: says which file is missing, and where to get it.
    """
    year, labels, split, photos_page, page = "VOC2012", "SegmentationClass", "Segmentation", about.where, about.where
    if about.classes == "pascal_context":
        year, labels, split, photos_page = "VOC2010", "SegmentationClassContext", "SegmentationContext", VOC2010_PAGE
        page = f"{about.where}, converted as {CONVERTED} says"
    places = (f"VOCdevkit/{year}/JPEGImages", f"{year}/JPEGImages", "JPEGImages")
    photos = first_existing(root, places, f"the photos of {year}", photos_page)
    truths = require_path(photos.parent / labels, f"the folder {labels}", page)
    split_file = require_path(photos.parent / "ImageSets" / split / "val.txt", "the list of validation photos", page)
    rows = ((name, photos / f"{name}.jpg", truths / f"{name}.png") for name in read_photo_list(split_file))
    names = class_names(about.classes)
    return one_word_each(about, names, range(1, len(names) + 1), items(rows, split_file, page))
