"""What a visitor owns in the tab What's in it?: a photo, what was found in it, and how its names were changed."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from reco_app.result_files import write_labels, write_overlay
from reco_app.session import private_folder
from reco_app.temporary import new_folder
from reco_core.export import describe_discovery
from reco_core.types import Discovery, Segment
from reco_core.utils.byte_cache import held
from reco_core.utils.images import resize_labels
from reco_core.utils.visualize import overlay, tag

if TYPE_CHECKING:
    from reco_core.zeroguidance.discovery import Reading
    from reco_core.zeroguidance.vocabulary import Vocabulary

OPACITY = 0.5  # every pixel is coloured, so less than where most of the photo is background
Files = tuple[str, str, str]  # to download: overlay, labels, description


class DiscoverySession:
    """A visitor's photo and what was found in it. Everything on disk goes with the object at the latest.

    upload: the last file given that could be read. source: the one that was looked into. photo: (h, w, 3) uint8, as
    large as shown. vocabulary: the visitor's own words; None: the bundled ones. reading; found: as divided into
    `parts`; these two and photo are None when they are no longer kept. new_names: by the name that was found, the
    visitor's.
    """

    def __init__(self, cache: Path) -> None:
        """cache: a folder that Gradio serves results from."""
        self.lock = threading.Lock()  # held while anything changes or is drawn, so that answers come in order
        self.cache = cache
        self.upload: str | None = None
        self.source, self.preset, self.parts = "", "", 0
        self.photo: np.ndarray | None = None
        self.vocabulary: Vocabulary | None = None
        self.reading: Reading | None = None
        self.found: Discovery | None = None
        self.new_names: dict[str, str] = {}

    @cached_property
    def folder(self) -> Path:
        """Of its files."""
        return private_folder(self, self.cache)

    @property
    def bytes(self) -> int:
        """Of memory for the photo and what is known of it."""
        return held((self.reading, self.found, self.photo))

    def forget(self) -> None:
        """Let the photo and what is known of it go; the files stay."""
        self.reading = self.found = self.photo = None

    def close(self) -> None:
        """Delete everything."""
        self.forget()
        shutil.rmtree(self.folder, ignore_errors=True)

    def keep(self, reading: Reading) -> None:
        """For other divisions of the photo, in half of the memory."""
        self.reading = replace(reading, belongs=reading.belongs.half())

    def kept(self) -> Reading | None:
        """The reading as it was given, but for rounding."""
        return self.reading and replace(self.reading, belongs=self.reading.belongs.float())

    @property
    def names(self) -> tuple[str, ...]:
        """As they are shown."""
        return self.result.names if self.result else ()

    @property
    def given(self) -> set[str]:
        """Those of them that the visitor gave."""
        return {self.new_names[name] for name in (self.found.names if self.found else ()) if name in self.new_names}

    def rename(self, old: str, new: str) -> None:
        """Call by another name what is shown as `old`; it stays so when the photo is divided anew."""
        for name in self.found.names if self.found else ():
            if self.new_names.get(name, name).casefold() == old.casefold():
                self.new_names[name] = new
                if name == new:
                    del self.new_names[name]

    @property
    def result(self) -> Discovery | None:
        """What was found, with the visitor's names."""
        return renamed(self.found, self.new_names) if self.found else None

    def draw(self) -> tuple[Discovery, Files]:
        """The result and its files."""
        result, settings = self.result, {"preset": self.preset, "parts": self.parts}
        if result is None or self.photo is None:
            raise ValueError("there is nothing to draw")
        return result, write_files(self.photo, result, self.folder, settings, self.given)


def renamed(found: Discovery, names: Mapping[str, str]) -> Discovery:
    """The same with other names by old name; segments that come to be called alike become one.

    A new name's confidence is 1, for somebody said so, and what was found in its place is told with the others.
    """
    if not any(name in names for name in found.names):
        return found
    import torch
    import torch.nn.functional as F

    alike: dict[str, list[int]] = {}
    for row, name in enumerate(found.names):
        alike.setdefault(names.get(name, name).casefold(), []).append(row)
    labels, segments, embeddings = np.zeros(len(found.segments) + 1, np.uint8), [], []
    for label, rows in enumerate(alike.values(), 1):
        labels[[row + 1 for row in rows]] = label
        changed = [row for row in rows if found.names[row] in names]
        segment = found.segments[(changed or rows)[0]]
        if changed:
            others = ((segment.name, segment.confidence), *segment.others)
            new = names[segment.name]
            segment = Segment(new, 1.0, tuple(other for other in others if other[0].casefold() != new.casefold()))
        segments.append(segment)
        embeddings.append(F.normalize(found.embeddings[rows].mean(0), dim=-1))
    return Discovery(labels[found.labels], tuple(segments), torch.stack(embeddings), found.timings)


def painted(photo: np.ndarray, result: Discovery) -> np.ndarray:
    """A photo (h, w, 3) uint8 with every segment and its name; it may be smaller than the one that was read."""
    labels = resize_labels(result.labels, photo.shape[:2])
    return tag(overlay(photo, labels, len(result.names), OPACITY), labels, result.names)


def write_files(
    photo: np.ndarray, result: Discovery, parent: Path, settings: dict, given: Collection[str] = ()
) -> Files:
    """Write a result's files, each time in a new place below `parent`: browsers keep old pictures.

    photo: (h, w, 3) uint8, as large as the overlay shall be. given: names that a user gave.
    """
    description = describe_discovery(result)
    for segment in description["segments"]:
        segment["named_by_user"] = segment["name"] in given
    with new_folder(parent) as folder:
        overlay = write_overlay(painted(photo, result), folder)
        return overlay, *write_labels(result, {**settings, **description}, folder)
