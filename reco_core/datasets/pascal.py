"""PASCAL VOC 2012 (Everingham et al., IJCV 2010) and PASCAL-Context (Mottaghi et al., CVPR 2014): validation sets."""

from dataclasses import dataclass
from pathlib import Path

from reco_core.datasets.dataset import Dataset, names_in, require_path
from reco_core.datasets.files import first_existing, items, read_photo_list
from reco_core.errors import find

VOC_PAGE = "https://thor.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar"
VOC2010_PAGE = "https://thor.robots.ox.ac.uk/pascal/VOC/voc2010/VOCtrainval_03-May-2010.tar"
CONTEXT_PAGE = "https://cs.stanford.edu/~roozbeh/pascal-context/"
CONVERTED = "https://mmsegmentation.readthedocs.io/en/latest/user_guides/2_dataset_prepare.html"
VOC_LAYOUT = "VOCdevkit/VOC2012 with JPEGImages, SegmentationClass and ImageSets"
CONTEXT_LAYOUT = "VOCdevkit/VOC2010 with JPEGImages, SegmentationClassContext and ImageSets"
SIDE = 320
VOC = names_in(
    """
    aeroplane, bicycle, bird, boat, bottle, bus, car, cat, chair, cow, diningtable, dog, horse, motorbike, person,
    pottedplant, sheep, sofa, train, tvmonitor
    """
)  # label values 1 to 20; 0 is the background, 255 the rims of objects
CONTEXT = names_in(
    """
    aeroplane, bag, bed, bedclothes, bench, bicycle, bird, boat, book, bottle, building, bus, cabinet, car, cat,
    ceiling, chair, cloth, computer, cow, cup, curtain, dog, door, fence, floor, flower, food, grass, ground,
    horse, keyboard, light, motorbike, mountain, mouse, person, plate, platform, pottedplant, road, rock, sheep,
    shelves, sidewalk, sign, sky, snow, sofa, table, track, train, tree, truck, tvmonitor, wall, water, window,
    wood
    """
)  # label values 1 to 59 of mmsegmentation's files; 0 is everything else
TYPED = {"diningtable": "dining table", "pottedplant": "potted plant", "tvmonitor": "tv monitor"}  # as users type them


@dataclass(frozen=True)
class Variant:
    protocol: str
    classes: tuple[str, ...]
    background: bool = False
    side: int = 0


VARIANTS = {
    "pascal_context59": Variant("59 classes, 320 crop", CONTEXT, side=SIDE),
    "pascal_context59_full": Variant("59 classes, whole photos", CONTEXT),
    "pascal_context60": Variant("59 classes and background, whole photos", CONTEXT, background=True),
    "voc21": Variant("20 classes and background, whole photos", VOC, background=True),
    "voc20": Variant("20 classes, object pixels only, whole photos", VOC),
}


def open_pascal(root: Path, variant: str = "voc21") -> Dataset:
    """A validation set below a folder with VOCdevkit, below VOCdevkit, or below its VOC2012 (Context: VOC2010).

    variant: a key of VARIANTS. PASCAL-Context's labels are the PNGs that mmsegmentation's converter
    makes of the official annotations; VOC's are the official ones.

    Raises:
        DatasetError: says which file is missing, and where to get it. OptionError: unknown variant.
    """
    chosen = find(variant, VARIANTS, "kind of PASCAL")
    context = chosen.classes is CONTEXT
    year, labels, split, page = (
        ("VOC2010", "SegmentationClassContext", "SegmentationContext", f"{CONTEXT_PAGE}, converted as {CONVERTED} says")
        if context
        else ("VOC2012", "SegmentationClass", "Segmentation", VOC_PAGE)
    )
    places = (f"VOCdevkit/{year}/JPEGImages", f"{year}/JPEGImages", "JPEGImages")
    photos = first_existing(root, places, f"the photos of {year}", VOC2010_PAGE if context else VOC_PAGE)
    truths = require_path(photos.parent / labels, f"the folder {labels}", page)
    split_file = require_path(photos.parent / "ImageSets" / split / "val.txt", "the list of validation photos", page)
    rows = ((name, photos / f"{name}.jpg", truths / f"{name}.png") for name in read_photo_list(split_file))
    first = 1 if chosen.background else 0
    values = {value: value - 1 + first for value in range(1, len(chosen.classes) + 1)}
    return Dataset(
        variant,
        chosen.protocol,
        (("background",) if first else ()) + chosen.classes,
        tuple(TYPED.get(name, name) for name in chosen.classes),
        tuple(values.values()),
        ({0: 0} if first else {}) | values,
        items(rows, split_file, page),
        background=chosen.background,
        side=chosen.side,
    )
