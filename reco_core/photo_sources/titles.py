"""Titles for photos that nobody gave one: what their files, or the folders that they lie in, are called."""

import re
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from reco_core.types import PhotoRecord
from reco_core.utils.names import names_in

WAYS = {"files": "blue_bird-03.jpg is a blue bird", "folders": "tench/001.jpg is a tench", "none": "they have none"}
BETWEEN = re.compile(r"[\s_+.()\[\]~-]+|(?<=[a-z]{2})(?=[A-Z][a-z])")  # "blue_bird (2)", "BlueBird"
NUMBERED = re.compile(r"^([^\W\d_]{3,})\d+$")  # "bird03", but not "mp3"
CODE = re.compile(r"\d*|(\D*\d){3,}\D*")
HASH = re.compile(r"(?=.*\d)[0-9a-f]{8,}|[0-9a-f]{16,}", re.IGNORECASE)
SAY_NOTHING = frozenset(  # what cameras, phones and programs call photos
    names_in(
        "img, image, images, imag, photo, photos, picture, pictures, pic, pics, pict, scan, screenshot, frame, file, "
        "copy, untitled, unnamed, download, dsc, dscn, dscf, dcim, cimg, pxl, mvimg, gopr, dji, sam, vid, whatsapp, "
        "whats, app, at, signal, fb, received, jpg, jpeg, png"
    )
)
PARTS = frozenset(names_in("train, training, val, valid, validation, test, testing, data, dataset"))  # of data sets


def give_title(record: PhotoRecord, way: str) -> str:
    """The record's own title, or else one from where the photo lies; "" if that says nothing. way: of `WAYS`."""
    if record.title or way == "none":
        return record.title
    path = PurePosixPath(record.file)
    if way == "folders":
        return next(filter(None, (_folder_title(folder.name) for folder in path.parents)), "")
    return file_title(path.name) or file_title(unquote(PurePosixPath(urlsplit(record.source_url).path).name))


def file_title(name: str) -> str:
    """What a file's name says of the photo: "blue_bird-03.jpg" is a "blue bird", "IMG_1234.jpg" says nothing.

    Numbers, hashes, and the words that cameras write go; so does a data set's part before a long number
    ("train_00017.jpg"), which is no train.
    """
    stem = PurePosixPath(name).stem
    words = _words(stem)
    return "" if len(words) == 1 and words[0].lower() in PARTS and re.search(r"\d{4}", stem) else _joined(words)


def _folder_title(name: str) -> str:
    words = _words(name)
    return "" if {word.lower() for word in words} <= PARTS else _joined(words)


def _words(text: str) -> list[str]:
    """The words of a name that may say something."""
    if HASH.fullmatch(text.replace("-", "")):  # a UUID
        return []
    words = [NUMBERED.sub(r"\1", word) for word in BETWEEN.split(text) if not HASH.fullmatch(word)]
    return [word for word in words if not CODE.fullmatch(word) and word.lower() not in SAY_NOTHING]


def _joined(words: list[str]) -> str:
    """Nothing if no word has two letters."""
    return " ".join(words) if any(len(word) > 1 or not word.isascii() for word in words) else ""
