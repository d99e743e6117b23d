"""Embedded batches as files: what other processes hand in, and what codecs are learned from."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from reco_core.archives.codecs import MAPS, Codec
from reco_core.types import LeftOut, PhotoRecord
from reco_core.utils.atomic_write import atomic_write


@dataclass(frozen=True)
class StoredBatch:
    """A source's photos start .. done - 1, ready to be stored: arrays (n, ...) by name, a row for each record.

    records: of the readable photos, with size and SHA-256.
    arrays: hash (perceptual), colours and pixels (uint64), and
    if any is readable embedding (what photos are searched by), whole (comparable
    with language; only if that is another),
    and features and language, (n, h, w, C) float16, or their codes (n, h w, bytes) uint8; thumbnail, rows of
    `thumbnails`, if some were asked for.
    """

    start: int
    done: int
    records: tuple[PhotoRecord, ...]
    arrays: dict[str, np.ndarray]
    left_out: tuple[LeftOut, ...]

    def compressed(self, codecs: dict[str, Codec]) -> "StoredBatch":
        """With maps compressed, and without those that have no codec; as it is if that was done before."""
        arrays = {name: array for name, array in self.arrays.items() if name not in MAPS or name in codecs}
        for role, codec in codecs.items():
            if role in arrays and arrays[role].dtype != np.uint8:
                arrays[role] = codec.encode(arrays[role].reshape(len(self.records), -1, arrays[role].shape[-1]))
        return replace(self, arrays=arrays)

    def save(self, folder: Path) -> None:
        """Write it, completely or not at all."""
        records, left_out = ([asdict(row) for row in rows] for rows in (self.records, self.left_out))
        about = json.dumps({"done": self.done, "records": records, "left_out": left_out})
        arrays = {name: np.ascontiguousarray(array) for name, array in self.arrays.items()}
        contents = save(arrays, {"about": about})
        atomic_write(batch_file(folder, self.start), contents, shared=True)  # two processes may embed the same batch


def batch_file(folder: Path, start: int) -> Path:
    """Where the batch that begins at a photo is."""
    return folder / f"{start:010d}.safetensors"


def is_stored(folder: Path, start: int) -> bool:
    """Whether the batch that begins at a photo is there, and of the length that it states; its arrays are not read."""
    try:
        with safe_open(batch_file(folder, start), "numpy") as file:
            return "about" in (file.metadata() or {})
    except (OSError, SafetensorError):
        return False


def load(folder: Path, start: int) -> StoredBatch | None:
    """The batch that begins at a photo, if it is there and sound."""
    try:
        with safe_open(batch_file(folder, start), "numpy") as file:
            about = json.loads(file.metadata()["about"])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dictionary
        records = tuple(PhotoRecord(**row) for row in about["records"])
        left_out = tuple(LeftOut(**row) for row in about["left_out"])
        return StoredBatch(start, about["done"], records, arrays, left_out)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError):
        return None
