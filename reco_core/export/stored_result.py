"""A photo's result as it lies on disk."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from reco_core.errors import OptionError
from reco_core.export.answers import ANSWERS, Answer, answer
from reco_core.export.file_names import photo_key

REPORT = "result.json"


@dataclass(frozen=True, slots=True)
class StoredConcept:
    """What a result says of a name: its label, share of the photo and presence (0..1), and whether it is there."""

    name: str
    label: int
    share: float
    presence: float
    answer: Answer

    @property
    def found(self) -> bool:
        """Whether it is there for sure."""
        return self.answer == "found"


@dataclass(frozen=True, slots=True)
class StoredResult:
    """One result.json and the labels beside it.

    key: what the photo's files are called. photo: its name. sha256: of its bytes. settings: what the result was made
    with, as a digest; "" of one photo alone, which is made anew each time.
    """

    key: str
    photo: str
    sha256: str
    settings: str
    concepts: tuple[StoredConcept, ...]
    labels_file: Path

    def labels(self) -> np.ndarray:
        """The labels (H, W) uint8, as in `Segmentation`.

        Raises:
            OptionError: the file is missing or damaged.
        """
        try:
            return np.asarray(Image.open(self.labels_file))
        except (OSError, SyntaxError, ValueError) as error:
            remedy = f"Delete {REPORT} of this photo and run the same command again"
            raise OptionError("a result is damaged", given=self.labels_file, remedy=remedy) from error


def read_result(file: Path, root: Path) -> StoredResult | None:
    """The result of a result.json below the folder `root`; None if it is missing, or none of a segmentation."""
    prefix = file.name.removesuffix(REPORT)
    try:
        told = json.loads(file.read_bytes())
        concepts = tuple(_concept(told) for told in told["concepts"])
        photo, sha256 = told["photo"], told["sha256"]
        key = (file.relative_to(root).parent / prefix[:-1]).as_posix() if prefix else photo_key(photo)
        return StoredResult(
            key, photo, sha256, told.get("settings", ""), concepts, file.with_name(f"{prefix}labels.png")
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _concept(told: dict[str, Any]) -> StoredConcept:
    """Raises KeyError, TypeError or ValueError if it is none. Older results do not say their answer."""
    share, presence = told["share"], told["presence"]
    said: Answer = ANSWERS[ANSWERS.index(told["answer"])] if "answer" in told else answer(presence, share)
    return StoredConcept(told["name"], told["label"], share, presence, said)


def read_results(root: Path) -> Iterator[StoredResult]:
    """All results in a folder and the folders in it, by the names of their files."""
    for file in sorted({*root.rglob(f"*.{REPORT}"), root / REPORT}):
        if (result := read_result(file, root)) is not None:
            yield result
