"""KITTI-STEP (Weber et al., NeurIPS Datasets and Benchmarks 2021): videos from a car, every frame of 9 sequences."""

from pathlib import Path

import numpy as np

from reco_core.datasets.classes import class_names, one_word_each
from reco_core.datasets.dataset import Dataset, DatasetInfo, read_values, require_path
from reco_core.datasets.files import first_existing, items
from reco_core.errors import DatasetError

SEQUENCES = ("0002", "0006", "0007", "0008", "0010", "0013", "0014", "0016", "0018")  # of the validation set


def open_kitti_step(about: DatasetInfo, root: Path) -> Dataset:
    """The validation sequences below a folder with KITTI tracking's photos and STEP's panoptic maps.

    The 19 classes are those of the Cityscapes benchmark, in its order. Panoptic maps may also lie in
    kitti-step/, as their archive unpacks.

    Raises:
        DatasetError: says which file is missing, and where to get it.
    """
    where, folder = about.where, root / "training" / "image_02"
    photos = require_path(folder, "the photos of KITTI tracking", f"{where} (left colour images)")
    truths = first_existing(root, ("panoptic_maps/val", "kitti-step/panoptic_maps/val"), "KITTI-STEP's labels", where)
    rows = []
    for sequence in SEQUENCES:
        folder = require_path(truths / sequence, f"sequence {sequence} of KITTI-STEP's labels", where)
        rows += [(f"{sequence}/{t.stem}", photos / sequence / t.name, t) for t in sorted(folder.glob("*.png"))]
    names = class_names(about.classes)
    return one_word_each(about, names, range(len(names)), items(rows, truths, where), read=read_panoptic)


def read_panoptic(file: Path) -> np.ndarray:
    """Label values (H, W) of a panoptic map: its red channel; green and blue number the instances.

    Raises:
        DatasetError: the file is missing or damaged, or has not three channels.
    """
    values = read_values(file, "a panoptic map", "a PNG in RGB")
    if values.ndim != 3 or values.shape[2] != 3:
        raise DatasetError(
            "a panoptic map has not three channels",
            given=f"{file}: {values.shape}",
            expected="red: the class, green and blue: the instance",
        )
    return values[..., 0]
