"""A plain folder of labelled photos, for anyone's own data.

images/ (JPEG, PNG, or another kind of photo), labels/*.png (index maps, same stem) and meta.json with "classes"
(a list, or an object from label value to name), and optionally "ignore" (a label value) and "background" (the label
value of everything else).
"""

import json
from collections import Counter
from pathlib import Path

from reco_core.datasets.dataset import Dataset, Item, classes_of_words
from reco_core.errors import DatasetError, OptionError
from reco_core.utils.names import category_words
from reco_core.utils.photo_files import find_file, is_photo_file

PROTOCOLS = ("with_background", "objects_only")
UNLABELLED = {"unlabeled", "unlabelled", "void", "ignore"}


def open_folder(folder: Path, protocol: str = "") -> Dataset:
    """The labelled photos of a folder.

    protocol: "with_background": background words compete and count as the background class;
    "objects_only": they do not exist, and only pixels of the listed classes are scored. By default
    the first if meta.json names a background.

    Raises:
        DatasetError: names the file that is missing or wrong. OptionError: unknown protocol.
    """
    names, background, ignore = read_meta(folder / "meta.json")
    protocol = protocol or ("with_background" if background in names else "objects_only")
    if protocol not in PROTOCOLS:
        raise OptionError("unknown protocol", given=protocol, expected=" or ".join(PROTOCOLS))
    counts = protocol == "with_background"
    if counts and background not in names:
        raise OptionError("this set names no background class", given=folder.name, expected="objects_only")
    first = 1 if counts else 0
    objects = {v: n for v, n in names.items() if v not in (background, ignore) and n.lower() not in UNLABELLED}
    rows = {value: first + i for i, value in enumerate(objects)}
    if counts and background is not None:
        rows[background] = 0
    words, word_rows = classes_of_words([category_words(name) for name in objects.values()], first)
    classes = (("background",) if counts else ()) + tuple(objects.values())
    return Dataset(folder.name, protocol, classes, words, word_rows, rows, items(folder), background=counts)


def read_meta(file: Path) -> tuple[dict[int, str], int | None, int | None]:
    """Names by label value, the background's value, the ignored value, as meta.json says."""
    if not file.is_file():
        raise DatasetError(
            "this is no benchmark folder", given=file.parent, expected="images/*.jpg, labels/*.png and meta.json"
        )
    try:
        meta = json.loads(file.read_text(encoding="utf-8"))
        listed = meta["classes"]
        names = dict(enumerate(listed)) if isinstance(listed, list) else {int(k): v for k, v in listed.items()}
        named = {value: str(name) for value, name in names.items()}
        background, ignore = (None if meta.get(key) is None else int(meta[key]) for key in ("background", "ignore"))
    except (ValueError, KeyError, AttributeError, TypeError, OSError) as error:
        raise DatasetError(
            "meta.json cannot be used",
            given=f"{file}: {error!r}",
            expected='"classes" and optionally "ignore" and "background"',
        ) from error
    return named, background, ignore


def items(folder: Path) -> tuple[Item, ...]:
    """Every photo with its labels, by name."""
    photos = folder / "images"
    files = sorted(filter(is_photo_file, photos.iterdir())) if photos.is_dir() else []
    found = tuple(Item(file.stem, file, find_file(folder / "labels", f"{file.stem}.png")) for file in files)
    twice = [key for key, count in Counter(item.key for item in found).items() if count > 1]
    if twice:
        raise DatasetError("two photos have one label map", given=", ".join(twice[:3]), expected="names that differ")
    missing = [item.key for item in found if not item.truth.is_file()]
    if not found or missing:
        raise DatasetError(
            "photos or labels are missing",
            given=f"{len(found)} photos, no labels for {missing[:3]}",
            expected="a labels/NAME.png for each photo images/NAME.jpg (or .png, ...)",
        )
    return found
