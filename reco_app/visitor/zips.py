"""Zips that visitors bring, with bounds on all that they can do."""

import io
import itertools
import warnings
import zipfile
import zlib
from pathlib import Path

from PIL import Image

from reco_app.limits import Limits
from reco_core.errors import ArchiveError
from reco_core.utils.images import FORMATS

ZIP_ERRORS = (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error)  # what zipfile raises
LOCAL_HEADER, HEAD = 30, 65_536  # bytes: of an entry's header in the file; of a photo, in which its size stands


def open_zip(file: Path, limits: Limits) -> zipfile.ZipFile:
    """A zip whose contents are bounded: by their count, by the sizes it states, beyond which zipfile reads nothing, and
    in that none of its bytes is part of two files.

    Raises:
        ArchiveError: it is no zip, or too large, or its files overlap.
    """
    try:
        opened = zipfile.ZipFile(file)
    except ZIP_ERRORS as error:
        raise ArchiveError(f"{file.name} is no zip, or damaged", remedy="Make it again") from error
    entries = opened.infolist()
    total = sum(entry.file_size for entry in entries)
    if total > limits.user_bytes or len(entries) > limits.zip_files:
        opened.close()
        raise ArchiveError(
            f"{file.name} is too large",
            given=f"{total / 1e6:,.0f} MB unpacked, in {len(entries):,} files",
            expected=f"at most {limits.user_bytes // 1_000_000} MB in {limits.zip_files:,} files",
        )
    if _overlap(entries):
        opened.close()
        raise ArchiveError(f"the files in {file.name} overlap, so it is damaged", remedy="Make it again")
    return opened


def stated_pixels(data: bytes) -> int:
    """How many pixels a photo says that it has, from how it begins; 0 if that does not say so."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data), formats=FORMATS)
        return image.width * image.height
    except Exception:  # decoders raise all there is
        return 0


def check_pixels(file: Path, pixels: int, limits: Limits) -> None:
    """Raises ArchiveError if these are more pixels than are read at once."""
    if pixels > limits.pixels:
        raise ArchiveError(
            f"the photos in {file.name} are too many or too large",
            given=f"{pixels // 1_000_000:,} megapixels",
            expected=f"at most {limits.pixels // 1_000_000:,} megapixels",
            remedy="Give fewer, or scale them down",
        )


def _overlap(entries: list[zipfile.ZipInfo]) -> bool:
    """Whether two entries share bytes of the file."""
    spans = sorted((one.header_offset, one.header_offset + LOCAL_HEADER + one.compress_size) for one in entries)
    return any(end > start for (_, end), (start, _) in itertools.pairwise(spans))
