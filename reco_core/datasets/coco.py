"""COCO-Stuff (Caesar et al., CVPR 2018) on COCO's val2017: 80 things and 91 stuffs, in 27 super-categories."""

from pathlib import Path

from reco_core.datasets.classes import TABLES, one_word_each, typed_words
from reco_core.datasets.dataset import Dataset, DatasetInfo, Item, require_path
from reco_core.datasets.files import first_existing, items, read_photo_list
from reco_core.utils.names import names_in

PHOTOS_PAGE = "https://cocodataset.org/#download (2017 Val images)"
LABELS_PAGE = "https://github.com/nightrome/cocostuff#downloads (stuffthingmaps_trainval2017.zip)"
LIST_PAGE = "https://github.com/xu-ji/IIC/tree/master/datasets"
LIST = "curated/val2017/Coco164kFull_Stuff_Coarse_7.txt"
PHOTO_PLACES = ("val2017", "images/val2017")
LABEL_PLACES = ("stuffthingmaps_trainval2017/val2017", "annotations/val2017", "stuffthingmaps/val2017")
THINGS, STUFF = TABLES["coco_things"], TABLES["coco_stuff"]  # super-category: its categories with their ids


def categories(groups: dict[str, str]) -> dict[int, tuple[str, str]]:
    """Label value (id - 1) -> category and super-category, by value."""
    entries = [(*entry.split(" ", 1), group) for group, members in groups.items() for entry in names_in(members)]
    return {int(number) - 1: (name, group) for number, name, group in sorted(entries, key=lambda e: int(e[0]))}


def open_coco(about: DatasetInfo, root: Path) -> Dataset:
    """COCO's val2017 with the label maps of COCO-Stuff, both below a folder.

    "coco_stuff27": the photos of `LIST`, those that IIC chose for being mostly stuff and that PiCIE,
    STEGO and ReCo measure 27 classes on. All 171 names are asked for; what is found becomes its
    super-category. No two of the 171 names are the same word.
    "coco_stuff27_all": the same on every photo. "coco_stuff171": the 171 categories by themselves.
    "coco_object": 80 things; stuff and unlabelled pixels are the background. COCO-Stuff's maps give each
    pixel one label: where annotated instances overlap, and at crowds, label maps that others draw from
    instances_val2017.json may say another thing.

    Raises:
        DatasetError: says which file is missing, and where to get it.
    """
    found = _items(root, about.name == "coco_stuff27")
    known = categories(THINGS if about.name == "coco_object" else THINGS | STUFF)
    names = tuple(name for name, _ in known.values())
    if about.name in ("coco_object", "coco_stuff171"):
        return one_word_each(about, names, known, found, background=range(256))
    classes = (*THINGS, *STUFF)
    values = {value: classes.index(group) for value, (_, group) in known.items()}
    words, rows = typed_words(names), tuple(values.values())
    return Dataset(about.name, about.protocol, classes, words, rows, values, found, side=about.side)


def _items(root: Path, curated: bool) -> tuple[Item, ...]:
    """Every photo of val2017, or those of the list."""
    photos = first_existing(root, PHOTO_PLACES, "the photos of COCO's val2017", PHOTOS_PAGE)
    truths = first_existing(root, LABEL_PLACES, "the label maps of COCO-Stuff", LABELS_PAGE)
    if curated:
        listed = require_path(root / LIST, "the list of photos that 27 classes are measured on", LIST_PAGE)
        names = read_photo_list(listed)
    else:
        names = tuple(photo.stem for photo in sorted(photos.glob("*.jpg")))
    rows = ((name, photos / f"{name}.jpg", truths / f"{name}.png") for name in names)
    return items(rows, photos, PHOTOS_PAGE)
