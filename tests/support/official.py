"""Tiny folders that are laid out as the official data sets are."""

import json
import shutil
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image

from reco_core.datasets import coco
from reco_core.datasets.catalogue import DATASETS
from reco_core.datasets.dataset import Dataset
from reco_core.datasets.kitti_step import SEQUENCES

HEIGHT, WIDTH, TOP, LEFT = 40, 60, 10, 24


COLOURS = np.array([[220, 20, 20], [20, 20, 220], [20, 220, 20]], np.uint8)  # left, right, top


NAMED = {  # data set: folder of the fixture, classes, words, background first, short side
    "coco_stuff27": ("coco", 27, 171, False, 320),
    "coco_stuff27_all": ("coco", 27, 171, False, 320),
    "coco_stuff171": ("coco", 171, 171, False, 0),
    "coco_object": ("coco", 81, 80, True, 0),
    "cityscapes27": ("cityscapes", 27, 27, False, 320),
    "cityscapes27_full": ("cityscapes", 27, 27, False, 0),
    "cityscapes19": ("cityscapes", 19, 19, False, 0),
    "kitti_step19": ("kitti", 19, 19, False, 0),
    "pascal_context59": ("pascal", 59, 59, False, 320),
    "pascal_context59_full": ("pascal", 59, 59, False, 0),
    "pascal_context60": ("pascal", 60, 59, True, 0),
    "voc21": ("pascal", 21, 20, True, 0),
    "voc20": ("pascal", 20, 20, False, 0),
    "ade20k150": ("ade", 150, 150, False, 0),
    "folder": ("folder", 3, 2, True, 0),
}


def regions(left: int, right: int, top: int) -> np.ndarray:
    """A label map of three regions, nowhere symmetric."""
    values = np.full((HEIGHT, WIDTH), right, np.uint8)
    values[:, :LEFT], values[:TOP] = left, top
    return values


def write(photo: Path, truth: Path, values: np.ndarray, palette: bool = False, real: bool = False) -> None:
    """A photo, coloured by region or real, and its label map."""
    for file in (photo, truth):
        file.parent.mkdir(parents=True, exist_ok=True)
    pixels = skimage.data.chelsea() if real else COLOURS[regions(0, 1, 2)]
    Image.fromarray(pixels).resize((WIDTH, HEIGHT)).save(photo, **({"quality": 95} if photo.suffix == ".jpg" else {}))
    labels = Image.fromarray(values)
    if palette:
        labels.putpalette([(7 * i + 90) % 256 for i in range(768)])  # no colour is its own index
    labels.save(truth)


def two(photo: str, truth: str, keys: tuple[str, str], values: tuple[int, int, int, int], **options) -> None:
    """The coloured photo and a real one of one label, by patterns with a place for the key."""
    for key, labels in zip(keys, (regions(*values[:3]), np.full((HEIGHT, WIDTH), values[3], np.uint8)), strict=True):
        write(Path(photo.format(key)), Path(truth.format(key)), labels, real=key == keys[1], **options)


def lay_out(root: Path) -> Path:
    """A folder for each of the data sets."""
    keys = ("000000000139", "000000000285")
    at = f"{root}/coco/"
    two(at + "val2017/{}.jpg", at + "stuffthingmaps_trainval2017/val2017/{}.png", keys, (16, 170, 255, 178))
    (root / "coco" / coco.LIST).parent.mkdir(parents=True)
    (root / "coco" / coco.LIST).write_text(f"{keys[0]}\n")
    at = f"{root}/cityscapes/"
    two(
        at + "leftImg8bit/val/lindau/{}_leftImg8bit.png",
        at + "gtFine/val/lindau/{}_gtFine_labelIds.png",
        ("lindau_000000_000019", "lindau_000001_000019"),
        (26, 9, 3, 33),
    )
    shutil.copytree(root / "cityscapes/leftImg8bit/val", root / "cityscapes/leftImg8bit/train")
    for i, sequence in enumerate((*SEQUENCES, "0000")):
        part = "train" if sequence == "0000" else "val"
        red = regions(13, 8, 255) if i == 0 else np.zeros((HEIGHT, WIDTH), np.uint8)
        instances = np.full_like(red, 5)  # of green and blue, which say nothing of the class
        values = np.dstack([red, instances, instances + 4])
        truth = root / f"kitti/panoptic_maps/{part}/{sequence}/000000.png"
        write(root / f"kitti/training/image_02/{sequence}/000000.png", truth, values)
    at = f"{root}/pascal/VOCdevkit/"
    keys = ("2007_000033", "2008_000002")
    two(at + "VOC2010/JPEGImages/{}.jpg", at + "VOC2010/SegmentationClassContext/{}.png", keys, (1, 59, 0, 15))
    two(at + "VOC2012/JPEGImages/{}.jpg", at + "VOC2012/SegmentationClass/{}.png", keys, (1, 20, 255, 0), palette=True)
    for place in ("VOC2010/ImageSets/SegmentationContext", "VOC2012/ImageSets/Segmentation"):
        (Path(at) / place).mkdir(parents=True)
        (Path(at) / place / "val.txt").write_text("\n".join(keys) + "\n")
    at = f"{root}/ade/ADEChallengeData2016/"
    two(
        at + "images/validation/{}.jpg",
        at + "annotations/validation/{}.png",
        ("ADE_val_00000001", "ADE_val_00000002"),
        (1, 150, 0, 127),
    )
    two(f"{root}/folder/images/{{}}.jpg", f"{root}/folder/labels/{{}}.png", ("a", "b"), (1, 2, 9, 0))
    meta = {"classes": {"0": "other things", "1": "cat", "2": "mat"}, "background": 0, "ignore": 9}
    (root / "folder/meta.json").write_text(json.dumps(meta))
    return root


def opened(official: Path, name: str) -> Dataset:
    return DATASETS[name].open(official / NAMED[name][0])
