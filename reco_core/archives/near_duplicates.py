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
COLOUR = 12  # levels of 255 that the chroma of a quarter may differ: compression moves it by two or three


def perceptual_hash(photo: np.ndarray) -> int:
    """64 bits of a photo's (H, W, 3) uint8 coarsest frequencies (pHash: a DCT's low corner against its median)."""
    return int(str(imagehash.phash(Image.fromarray(photo))), 16)


def colours(photo: np.ndarray) -> int:
    """64 bits of a photo's (H, W, 3) uint8 colours: the mean Cb and Cr, a byte each, of its four quarters."""
    quarters = Image.fromarray(photo).resize((2, 2), Image.Resampling.BOX).convert("YCbCr")
    return int.from_bytes(np.asarray(quarters)[..., 1:].tobytes(), "little")


def alike(one: int, other: int) -> bool:
    """Whether two photos' `colours` are so near that they may be of one photo."""
    a, b = (np.frombuffer(value.to_bytes(8, "little"), np.uint8).astype(int) for value in (one, other))
    return bool(np.abs(a - b).max() <= COLOUR)


class NearDuplicates:
    """The hashes of photos that were kept; asks of a new one whether it is among them."""

    def __init__(self, hashes: Iterable[int] = ()) -> None:
        # Five disjoint groups of bits: when at most four bits differ, one group is untouched, so none is missed.
        self._index = faiss.IndexBinaryMultiHash(64, BITS + 1, 64 // (BITS + 1))
        self.add(hashes)

    def __contains__(self, value: int) -> bool:
        """Whether a hash is within `BITS` of one that was kept."""
        return bool(self.like(value))

    def __len__(self) -> int:
        return self._index.ntotal

    def like(self, value: int) -> list[int]:
        """Which hashes are within `BITS` of one, by their place among all that were added."""
        if not self._index.ntotal:
            return []
        _, _, places = self._index.range_search(_bytes(np.array([value], np.uint64)), BITS + 1)
        return sorted(places.tolist())

    def add(self, hashes: Iterable[int]) -> None:
        """Remember photos' hashes."""
        known = np.fromiter(hashes, np.uint64)
        if len(known):
            self._index.add(_bytes(known))


class Looks:
    """Photos that a run kept, beside those that an archive had: of these, only hashes are known."""

    def __init__(self, had: NearDuplicates) -> None:
        self._seen, self._had = had, len(had)
        self._kept: list[tuple[int, int]] = []

    def is_new(self, value: int, colours: int, pixels: int) -> bool:
        """Whether a photo is another than those of nearly its hash, or larger than all of them that the run kept."""
        near = self._seen.like(value)
        kept = [self._kept[place - self._had] for place in near if place >= self._had]
        return len(kept) == len(near) and not any(alike(colours, c) and pixels <= p for c, p in kept)

    def add(self, value: int, colours: int, pixels: int) -> None:
        """Remember a photo that was kept."""
        self._seen.add([value])
        self._kept.append((colours, pixels))


def largest(hashes: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """Rows of photos but for those of which a near-duplicate came later: that one was kept for it is larger.

    hashes, colours: (N,) uint64, of photos that `Looks` took one after the other.
    """
    seen, smaller, known = NearDuplicates(), set[int](), colours.tolist()
    for row, value in enumerate(hashes.tolist()):
        smaller |= {place for place in seen.like(value) if alike(known[row], known[place])}
        seen.add([value])
    return np.array([row for row in range(len(known)) if row not in smaller])


def _bytes(hashes: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(hashes).view(np.uint8).reshape(-1, 8)
