"""The photos below a folder: links followed once, what is no one's photo left out, and an account of that."""

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from reco_core.types import LeftOut
from reco_core.utils.photo_files import hidden, is_photo_file, writable

HIDDEN, NO_PHOTO, AGAIN, CLOSED, NOTHING = (
    "hidden or of the system",
    "no photo by its name",
    "a folder that was read already",
    "a folder that cannot be read",
    "a link to nothing",
)


class Found(NamedTuple):
    """photos: in the order of their paths. skipped: files and folders that were not taken."""

    photos: list[Path]
    skipped: list[LeftOut]


def walk(folder: Path) -> Found:
    """All photos below a folder; linked folders are read too, after all others and each once: links may lead round."""
    photos: list[Path] = []
    skipped: list[LeftOut] = []
    seen: set[tuple[int, int]] = set()
    folders, links = [folder], list[Path]()

    def skip(path: Path, reason: str) -> None:
        skipped.append(LeftOut(writable(path.relative_to(folder).as_posix()), reason))

    while folders or links:
        here = folders.pop() if folders else links.pop(0)
        try:
            about = here.stat()
            within = sorted(here.iterdir())
        except OSError:
            skip(here, CLOSED)
            continue
        if (about.st_dev, about.st_ino) in seen:
            skip(here, AGAIN)
            continue
        seen.add((about.st_dev, about.st_ino))
        for path in within:
            if hidden((path.name,)):
                skip(path, HIDDEN)
            elif os.path.isdir(path):
                (links if path.is_symlink() else folders).append(path)
            elif is_photo_file(path):
                photos.append(path)
            else:
                skip(path, NO_PHOTO if os.path.exists(path) else NOTHING)
    return Found(sorted(photos), sorted(skipped, key=lambda entry: entry.file))


def summary(skipped: Iterable[LeftOut]) -> str:
    """How many were left out for which reason, in words; "" for none."""
    counts = Counter(entry.reason for entry in skipped)
    return ", ".join(f"{count} {reason}" for reason, count in counts.most_common())
