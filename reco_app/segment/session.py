"""What a visitor owns in the Segment tab: the last result."""

import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reco_app.visitor.user_archive import UserRows
from reco_core.export import FOUND_FROM, is_found
from reco_core.types import Concept


@dataclass(frozen=True)
class SegmentResult:
    """What it takes to redraw without running the model: photo and labels as large as shown.

    shares, presence: 0..1 by concept. folder: of its files. user_rows: the visitor's photos among the exemplars.
    learned, marked: seconds. found_from: presence below it is "not found". remarks: what of the
    names is not understood.
    """

    photo: np.ndarray
    labels: np.ndarray
    concepts: tuple[Concept, ...]
    shares: tuple[float, ...]
    presence: tuple[float, ...]
    folder: Path
    preset: str
    user_rows: UserRows
    learned: float
    marked: float
    found_from: float = FOUND_FROM
    remarks: tuple[str, ...] = ()

    @property
    def found(self) -> tuple[bool, ...]:
        """By concept, whether it is said to be in the photo."""
        pairs = zip(self.presence, self.shares, strict=True)
        return tuple(is_found(presence, share, self.found_from) for presence, share in pairs)

    def outlined(self, drawn: Collection[int]) -> list[int]:
        """What is only outlined if these are drawn: not found, not wanted, and somewhere in the photo."""
        return [i for i, found in enumerate(self.found) if not found and i not in drawn and self.shares[i]]

    def close(self) -> None:
        """Delete its files."""
        shutil.rmtree(self.folder, ignore_errors=True)
