"""Cityscapes (Cordts et al., CVPR 2016): streets of German cities, the 500 photos of its validation set."""

from dataclasses import dataclass
from pathlib import Path

from reco_core.datasets.dataset import Dataset, names_in, require_path
from reco_core.datasets.files import items
from reco_core.errors import find

WHERE = "https://www.cityscapes-dataset.com/downloads/"
LAYOUT = "leftImg8bit/val/CITY/*_leftImg8bit.png and gtFine/val/CITY/*_gtFine_labelIds.png"
SIDE = 320
FIRST = 7  # label ids below it (ego vehicle, out of roi, ...) are not scored
NAMES = names_in(
    """
    road, sidewalk, parking, rail track, building, wall, fence, guard rail, bridge, tunnel, pole, polegroup,
    traffic light, traffic sign, vegetation, terrain, sky, person, rider, car, truck, bus, caravan, trailer,
    train, motorcycle, bicycle
    """
)  # label ids 7 to 33
NOT_TRAINED = names_in("parking, rail track, guard rail, bridge, tunnel, polegroup, caravan, trailer")
TRAIN_NAMES = tuple(name for name in NAMES if name not in NOT_TRAINED)  # train ids 0 to 18
TYPED = {"polegroup": "pole group"}  # what a user would type, where that is not the official name


@dataclass(frozen=True)
class Variant:
    protocol: str
    classes: tuple[str, ...]
    side: int


VARIANTS = {
    "cityscapes27": Variant("27 classes, 320 crop", NAMES, SIDE),
    "cityscapes27_full": Variant("27 classes, original resolution", NAMES, 0),
    "cityscapes19": Variant("19 classes, original resolution", TRAIN_NAMES, 0),
}


def open_cityscapes(root: Path, variant: str = "cityscapes27") -> Dataset:
    """The validation set below a folder with leftImg8bit and gtFine.

    variant: a key of VARIANTS. 27 classes are the label ids 7 to 33, as PiCIE, STEGO and ReCo score
    them; 19 are those of the official benchmark.

    Raises:
        DatasetError: says which file is missing, and where to get it. OptionError: unknown variant.
    """
    chosen = find(variant, VARIANTS, "kind of Cityscapes")
    photos = require_path(
        root / "leftImg8bit" / "val", "the photos of Cityscapes", f"{WHERE} (leftImg8bit_trainvaltest.zip)"
    )
    truths = require_path(root / "gtFine" / "val", "the labels of Cityscapes", f"{WHERE} (gtFine_trainvaltest.zip)")
    stems = [
        (p.parent.name, p.name.removesuffix("_leftImg8bit.png"), p) for p in sorted(photos.glob("*/*_leftImg8bit.png"))
    ]
    rows = ((f"{city}/{stem}", photo, truths / city / f"{stem}_gtFine_labelIds.png") for city, stem, photo in stems)
    labels = {FIRST + NAMES.index(name): row for row, name in enumerate(chosen.classes)}
    return Dataset(
        variant,
        chosen.protocol,
        chosen.classes,
        tuple(TYPED.get(name, name) for name in chosen.classes),
        tuple(range(len(chosen.classes))),
        labels,
        items(rows, photos, WHERE),
        side=chosen.side,
    )
