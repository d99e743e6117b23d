"""Thumbnails: small pictures of photos, to be shown as evidence where the photos themselves are not at hand.

WebP of the centre crop, which is all that the archive sees of a photo, so that its points are where it says. A part
has two files of them: all pictures one after the other, and where each ends; any one is read alone.
"""

import io
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from reco_core.archives.arrays import HeldFile, open_array, write_array
from reco_core.archives.manifest import Part
from reco_core.errors import find
from reco_core.photo_sources.licences import is_open
from reco_core.types import PhotoRecord
from reco_core.utils.images import centre_crop

SIDE = 112  # pixels
QUALITY = 75  # of WebP: some 2,500 bytes a photo
BYTES = 8192  # of one at most; photos never come near
ROLES = ("thumbnails", "thumbnail_ends")  # of a part's files
NONE, OPEN = "none", "open"
# By choice, which photos get one.
CHOICES: dict[str, Callable[[PhotoRecord], bool]] = {
    NONE: lambda record: False,
    OPEN: lambda record: is_open(record.licence, record.open_licence),
    "all": lambda record: True,
}


class Thumbnails:
    """The thumbnails of a part; read on demand, safe to share between threads."""

    def __init__(self, pictures: Path, ends: Path, count: int) -> None:
        """Raises OSError or ValueError if the files are none, or not those of `count` photos."""
        self._pictures, self._ends = HeldFile(pictures), np.array(open_array(ends))
        if self._ends.shape != (count,) or self._ends.dtype != np.uint64 or self._ends[-1] != len(self._pictures):
            raise ValueError(f"not the thumbnails of {count} photos")

    @property
    def count(self) -> int:
        """How many photos have one."""
        return int(np.count_nonzero(np.diff(self._ends, prepend=np.uint64(0))))

    def read(self, row: int) -> bytes:
        """A photo's picture, WebP; b"" if it has none.

        Raises:
            ValueError: the files are damaged.
        """
        start, end = int(self._ends[row - 1]) if row else 0, int(self._ends[row])
        if not start <= end <= start + BYTES:
            raise ValueError(f"no place of a picture: {start} to {end}")
        read = np.empty(end - start, np.uint8)
        self._pictures.read_into(start, read)
        picture = read.tobytes()
        if picture and (picture[:4] != b"RIFF" or picture[8:12] != b"WEBP" or _length(picture) != len(picture)):
            raise ValueError(f"no picture at {start}")
        return picture


def open_thumbnails(folder: Path, part: Part) -> Thumbnails | None:
    """The thumbnails of an archive's part, if it has any; raises what `Thumbnails` does."""
    files = [folder / part.files[role] for role in ROLES if role in part.files]
    return Thumbnails(files[0], files[-1], part.photos) if files else None


def which(choice: str) -> Callable[[PhotoRecord], bool]:
    """Whether a photo gets a thumbnail, by a choice of `CHOICES`. Raises OptionError if there is no such choice."""
    return find(choice, CHOICES, "choice of thumbnails")


def encode(photo: np.ndarray) -> np.ndarray:
    """The thumbnail of a photo (H, W, 3) uint8, as a row (BYTES,) uint8 that ends in zeros."""
    picture = Image.fromarray(centre_crop(photo))
    if picture.width > SIDE:
        picture = picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    for quality in range(QUALITY, -1, -15):
        packed = io.BytesIO()
        picture.save(packed, "WEBP", quality=quality, method=6)
        if packed.tell() <= BYTES:
            break
    return np.frombuffer(packed.getvalue().ljust(BYTES, b"\0"), np.uint8)


def nothing() -> np.ndarray:
    """The row of a photo that has none."""
    return np.zeros(BYTES, np.uint8)


def decode(row: np.ndarray) -> bytes:
    """The WebP of a row (BYTES,) of `encode` or `nothing`; b"" if there is none."""
    picture = row.tobytes()
    return picture[: _length(picture)] if picture[:4] == b"RIFF" else b""


def write_thumbnails(pictures: Iterable[bytes], folder: Path) -> dict[str, Path]:
    """Write the WebP of a part's photos, b"" for those without: the files by role, none if no photo has one."""
    files = dict(zip(ROLES, (folder / "thumbnails.bin", folder / "thumbnail_ends.npy"), strict=True))
    ends = []
    with files[ROLES[0]].open("wb") as out:
        for picture in pictures:
            out.write(picture)
            ends.append(out.tell())
    write_array(iter([np.array(ends, np.uint64)]), len(ends), files[ROLES[1]])
    return files if ends[-1] else {}


def _length(picture: bytes) -> int:
    """What a WebP says of its own length."""
    return 8 + int.from_bytes(picture[4:8], "little")
