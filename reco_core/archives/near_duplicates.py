"""Near-duplicates: photos that look alike by a perceptual hash.

Seen on the 6,874 photos of the bundled archive: 8 pairs differ by at most 4 bits, all of them the same picture at
another size or compression; at 6 and 8 bits other motorcycles and other jackets on white begin.
"""

from collections.abc import Iterable

import faiss
import imagehash
import numpy as np
from PIL import Image

BITS = 4  # of 64 that may differ


def perceptual_hash(photo: np.ndarray) -> int:
    """64 bits of a photo's (H, W, 3) uint8 coarsest frequencies (pHash: a DCT's low corner against its median)."""
    return int(str(imagehash.phash(Image.fromarray(photo))), 16)


class NearDuplicates:
    """The hashes of photos that were kept; asks of a new one whether it is among them."""

    def __init__(self, hashes: Iterable[int] = ()) -> None:
        # Five disjoint groups of bits: when at most four bits differ, one group is untouched, so none is missed.
        self._index = faiss.IndexBinaryMultiHash(64, BITS + 1, 64 // (BITS + 1))
        self.add(hashes)

    def __contains__(self, value: int) -> bool:
        """Whether a hash is within `BITS` of one that was kept."""
        if not self._index.ntotal:
            return False
        limits, _, _ = self._index.range_search(_bytes(np.array([value], np.uint64)), BITS + 1)
        return bool(limits[-1])

    def add(self, hashes: Iterable[int]) -> None:
        """Remember photos' hashes."""
        known = np.fromiter(hashes, np.uint64)
        if len(known):
            self._index.add(_bytes(known))


def _bytes(hashes: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(hashes).view(np.uint8).reshape(-1, 8)
