"""The data sets that `bench` measures on, by name."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from reco_core.datasets import ade20k, cityscapes, coco, kitti_step, pascal
from reco_core.datasets.dataset import Dataset
from reco_core.datasets.folder import LAYOUT as FOLDER_LAYOUT
from reco_core.datasets.folder import open_folder
from reco_core.errors import find


@dataclass(frozen=True)
class Adapter:
    """A data set that can be opened.

    summary: what it is, in a line. protocol: how it is scored, as in reports. where: the official page.
    layout: what lies below its root, in a line. open: root -> Dataset, raises DatasetError. published: the
    key of published figures of the same protocol (`evaluation.published`), or "".
    """

    name: str
    summary: str
    protocol: str
    where: str
    layout: str
    open: Callable[[Path], Dataset]
    published: str = ""


def _coco(name: str, summary: str, published: str = "") -> Adapter:
    layout = coco.LIST_LAYOUT if name == "coco_stuff27" else coco.LAYOUT
    opens = partial(coco.open_coco, variant=name)
    return Adapter(
        name, summary, coco.PROTOCOLS[name], "https://github.com/nightrome/cocostuff", layout, opens, published
    )


def _cityscapes(name: str, summary: str, published: str = "") -> Adapter:
    opens = partial(cityscapes.open_cityscapes, variant=name)
    protocol = cityscapes.VARIANTS[name].protocol
    return Adapter(name, summary, protocol, cityscapes.WHERE, cityscapes.LAYOUT, opens, published)


def _pascal(name: str, summary: str, published: str = "") -> Adapter:
    voc = name.startswith("voc")
    where, layout = (pascal.VOC_PAGE, pascal.VOC_LAYOUT) if voc else (pascal.CONTEXT_PAGE, pascal.CONTEXT_LAYOUT)
    opens = partial(pascal.open_pascal, variant=name)
    return Adapter(name, summary, pascal.VARIANTS[name].protocol, where, layout, opens, published)


DATASETS: dict[str, Adapter] = {
    adapter.name: adapter
    for adapter in (
        _coco("coco_stuff27", "COCO-Stuff, 27 super-categories, the photos papers use", "coco_stuff27"),
        _coco("coco_stuff27_all", "COCO-Stuff, 27 super-categories, all of val2017"),
        _coco("coco_stuff171", "COCO-Stuff, 171 categories"),
        _coco("coco_object", "COCO's 80 things and background"),
        _cityscapes("cityscapes27", "Cityscapes, 27 classes, cropped", "cityscapes27"),
        _cityscapes("cityscapes27_full", "Cityscapes, 27 classes, whole photos", "cityscapes27_full"),
        _cityscapes("cityscapes19", "Cityscapes, the benchmark's 19 classes"),
        Adapter(
            kitti_step.NAME,
            "KITTI-STEP, 19 classes",
            kitti_step.PROTOCOL,
            kitti_step.WHERE,
            kitti_step.LAYOUT,
            kitti_step.open_kitti_step,
            "kitti_step19",
        ),
        _pascal("pascal_context59", "PASCAL-Context, 59 classes, cropped", "pascal_context59"),
        _pascal("pascal_context59_full", "PASCAL-Context, 59 classes, whole photos"),
        _pascal("pascal_context60", "PASCAL-Context, 59 classes and background"),
        _pascal("voc21", "PASCAL VOC 2012, 20 classes and background"),
        _pascal("voc20", "PASCAL VOC 2012, 20 classes on object pixels"),
        Adapter(ade20k.NAME, "ADE20K, 150 classes", ade20k.PROTOCOL, ade20k.WHERE, ade20k.LAYOUT, ade20k.open_ade20k),
        Adapter(
            "folder",
            "any labelled photos of your own",
            "with_background or objects_only, as meta.json says",
            "you: see reco_core/datasets/folder.py",
            FOLDER_LAYOUT,
            open_folder,
        ),
    )
}


def find_dataset(name: str, also: tuple[str, ...] = ()) -> Adapter:
    """The data set of this name.

    also: what else the caller knows, and the name may be meant for.

    Raises:
        OptionError: there is none; the message suggests the nearest.
    """
    return find(name, DATASETS | dict.fromkeys(also), "data set")
