"""How dense maps are compressed: by a learned quantiser, or as words of a dictionary."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load as load_tensors
from safetensors.torch import save
from torch import Tensor

from reco_core.archives import sparse_coding

SAMPLE = 100_000  # positions that a quantiser learns from
FINE = "SQ8"  # a byte per channel: references keep a cosine of 0.99 and more (benchmarks/compression.py)
COMPACT = "PQ{}x8"  # a byte for every `CHANNELS` channels
CHANNELS = 8
# Of mini's features: 10 bytes a position, cosine 0.919 (a product quantiser of 13: 0.916); 7 more hold the language
# map.
MINI_COMPACT = "RQ10x8"
FEW = 40_000  # positions that are too few to learn a codebook from: then fine it is
MAPS = ("features", "language")  # of a photo, each with a codec of its own
NONE = "none"
DENSE = ("fine", "compact", NONE)


class Codec(ABC):
    """Codes vectors of one map, position by position."""

    spec = ""  # how it was learned; unknown of one that was read

    @abstractmethod
    def encode(self, maps: np.ndarray) -> np.ndarray:
        """Maps (n, positions, C) float, norm 1 -> codes (n, positions, bytes) uint8."""

    @abstractmethod
    def decode(self, codes: np.ndarray) -> Tensor:
        """Codes (n, positions, bytes) -> maps (n, positions, C) float32, norm 1."""

    @abstractmethod
    def save(self, file: Path) -> Path:
        """Write it; the file's suffix is its own. Returns the file."""


class Quantiser(Codec):
    """A FAISS quantiser."""

    def __init__(self, index: Any, spec: str = "") -> None:
        self._index, self.spec = index, spec

    def encode(self, maps: np.ndarray) -> np.ndarray:
        flat = np.ascontiguousarray(maps.reshape(-1, maps.shape[-1]), np.float32)
        return self._index.sa_encode(flat).reshape(*maps.shape[:2], -1)

    def decode(self, codes: np.ndarray) -> Tensor:
        flat = self._index.sa_decode(np.ascontiguousarray(codes.reshape(-1, codes.shape[-1])))
        return F.normalize(torch.from_numpy(flat).view(*codes.shape[:2], -1), dim=-1)

    def save(self, file: Path) -> Path:
        file = file.with_suffix(".codec")
        file.write_bytes(faiss.serialize_index(self._index).tobytes())
        return file


class Words(Codec):
    """Maps that are sums of names' embeddings, as the names that they speak of."""

    def __init__(self, words: Tensor) -> None:
        """words: (N, D) of norm 1."""
        self._words = words.half().float()  # as they will be read

    def encode(self, maps: np.ndarray) -> np.ndarray:
        flat = torch.from_numpy(maps.reshape(-1, maps.shape[-1]).astype(np.float32))
        return sparse_coding.pack(flat, self._words).numpy().reshape(*maps.shape[:2], -1)

    def decode(self, codes: np.ndarray) -> Tensor:
        packed = torch.from_numpy(np.ascontiguousarray(codes))
        return sparse_coding.unpack(packed.flatten(0, 1), self._words).view(*codes.shape[:2], -1)

    def save(self, file: Path) -> Path:
        file = file.with_suffix(".safetensors")
        file.write_bytes(save({"words": self._words.half()}))
        return file


def load(file: Path) -> Codec:
    """A codec from its file; raises OSError, RuntimeError, KeyError or SafetensorError if it is none."""
    if file.suffix == ".safetensors":
        return Words(load_tensors(file.read_bytes())["words"].float())
    return Quantiser(faiss.read_index(str(file)))


def learn(maps: dict[str, np.ndarray], names: Tensor | None, dense: str) -> dict[str, Codec]:
    """Codecs for features and language maps, each (N, h, w, C).

    names: (N, D), if language maps are sums of these. dense: "compact" or "fine".
    """
    few = min(array.size // array.shape[-1] for array in maps.values()) < FEW
    codecs: dict[str, Codec] = {}
    for role, array in maps.items():
        if dense == "compact" and names is not None and role == "language":
            codecs[role] = Words(names)
            continue
        compact = COMPACT.format(array.shape[-1] // CHANNELS) if names is None else MINI_COMPACT
        spec = FINE if few or dense == "fine" else compact
        index = faiss.index_factory(array.shape[-1], spec)
        index.train(sample(array))
        codecs[role] = Quantiser(index, spec)
    return codecs


def sample(maps: np.ndarray) -> np.ndarray:
    """At most `SAMPLE` positions (n, C) float32 of maps (N, h, w, C)."""
    flat = maps.reshape(-1, maps.shape[-1])
    picked = np.sort(np.random.default_rng(0).permutation(len(flat))[:SAMPLE])
    return flat[picked].astype(np.float32)
