"""Names of result files: after the photo and the typed name, safe on every system."""

import os
import re
import unicodedata
from collections.abc import Sequence
from pathlib import PurePosixPath

MOST_BYTES = 120  # of a part of a path: most systems take 255, and more is written behind it
MOST_OF_PAGE = 60  # characters of a page's name


def readable(file: str) -> str:
    """A file's name as text: composed letters (NFC), and bytes that are not UTF-8 replaced."""
    return unicodedata.normalize("NFC", os.fsencode(file).decode("utf-8", "replace"))


def photo_key(file: str) -> str:
    """What a photo's result files are called: its path below the folder without the suffix, "2024/beach".

    file: with "/" between its parts. What leaves the folder, and signs that some system refuses, are replaced.
    """
    parts = [part for part in PurePosixPath(readable(file)).with_suffix("").parts if part not in ("/", "..")]
    return "/".join(map(_safe, parts)) or "photo"


def name_keys(names: Sequence[str]) -> list[str]:
    """What stands for each typed name in file names, without a dot; no two are the same, whatever their case."""
    keys: list[str] = []
    for label, name in enumerate(names, 1):
        key, taken = _safe(name.replace(".", "_")), {key.casefold() for key in keys}
        keys.append(f"{key}-{label}" if key.casefold() in taken else key)
    return keys


def page_name(names: Sequence[str]) -> str:
    """What a page of its own that finds these names is called: letters and digits, "cat-hot-dog.html"."""
    return (re.sub(r"\W+", "-", "-".join(names))[:MOST_OF_PAGE].strip("-") or "page") + ".html"


def _safe(text: str) -> str:
    kept = "".join("_" if c in '<>:"/\\|?*' or not c.isprintable() else c for c in text)
    return kept.encode()[:MOST_BYTES].decode("utf-8", "ignore").strip(" .") or "_"
