"""What people drop: photos, and zips of photos. Read one after the other, with bounds on all that a zip can do."""

import itertools
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from reco_app.limits import Limits
from reco_app.visitor.user_photos import SmallPhoto, shrink
from reco_core.errors import ArchiveError, PhotoError
from reco_core.types import LeftOut
from reco_core.utils.images import read_with_remarks
from reco_core.utils.photo_files import HEAD, has_suffix, hidden, is_photo, writable, zip_name

ZIP_ERRORS = (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile)  # what zipfile raises
Read = Callable[[], bytes]


class Uploads:
    """Dropped files, as photos that may be kept."""

    def __init__(self, files: Sequence[str], limits: Limits = Limits()) -> None:
        """Raises ArchiveError if a zip is damaged or too large; nothing has been unpacked then."""
        self._found: list[tuple[str, Read | None]] = []  # None: it is no photo by its name
        for file in map(Path, files):
            if file.suffix.lower() == ".zip":
                self._found += _members(file, limits)
            else:
                self._found.append((file.name, file.read_bytes))

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[SmallPhoto | LeftOut]:
        return itertools.starmap(_read, self._found)

    def originals(self) -> Iterator[tuple[str, bytes] | LeftOut]:
        """The files' names and bytes, as they were given."""
        for label, read in self._found:
            try:
                yield (label, read()) if read else LeftOut(label, "no photo")
            except ZIP_ERRORS as error:
                yield LeftOut(label, _damaged(error))


def open_zip(file: Path, limits: Limits) -> zipfile.ZipFile:
    """A zip whose contents are bounded: by their count, and by the sizes it states, beyond which zipfile reads nothing.

    Raises:
        ArchiveError: it is no zip, or too large.
    """
    try:
        opened = zipfile.ZipFile(file)
    except ZIP_ERRORS as error:
        raise ArchiveError(f"{file.name} is no zip, or damaged", remedy="Make it again") from error
    total = sum(entry.file_size for entry in opened.infolist())
    if total > limits.user_bytes or len(opened.infolist()) > limits.zip_files:
        opened.close()
        raise ArchiveError(
            f"{file.name} is too large",
            given=f"{total / 1e6:,.0f} MB unpacked, in {len(opened.infolist()):,} files",
            expected=f"at most {limits.user_bytes // 1_000_000} MB in {limits.zip_files:,} files",
        )
    return opened


def _members(file: Path, limits: Limits) -> list[tuple[str, Read | None]]:
    """Names serve to tell them apart for the user; no file is ever called by them."""
    opened, found = open_zip(file, limits), []
    for entry in opened.infolist():
        path = PurePosixPath(zip_name(entry).replace("\\", "/"))
        if entry.is_dir() or hidden(path.parts):
            continue
        photo = is_photo(path.name, b"" if has_suffix(path.name) else _head(opened, entry))
        read: Read | None = (lambda entry=entry: opened.read(entry)) if photo else None
        found.append((writable(path.name), read))
    if not found:
        raise ArchiveError(f"{file.name} is empty", expected="photos")
    return found


def _head(opened: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """How a member begins; nothing if it cannot be read."""
    try:
        with opened.open(entry) as stream:
            return stream.read(HEAD)
    except (*ZIP_ERRORS, zlib.error, NotImplementedError):
        return b""


def _read(label: str, read: Read | None) -> SmallPhoto | LeftOut:
    if read is None:
        return LeftOut(label, "no photo")
    try:
        return shrink(label, read())
    except PhotoError as error:
        return LeftOut(label, str(error).removeprefix("the photo is "))
    except ZIP_ERRORS as error:
        return LeftOut(label, _damaged(error))


def _damaged(error: Exception) -> str:
    """Why, without the server's paths, which an OSError tells."""
    return f"damaged: {getattr(error, 'strerror', None) or error}"


def read_upload(
    file: str | None, remedy: str = "Upload one, paste one, or click an example"
) -> tuple[np.ndarray, tuple[str, ...]]:
    """A photo that was given, (H, W, 3) uint8, and what had to be chosen in reading it. Large ones are made smaller.

    Raises:
        PhotoError: there is none, or it cannot be read.
    """
    if not file or not Path(file).is_file():  # uploads are deleted after a while
        raise PhotoError("there is no photo", remedy=remedy)
    return read_with_remarks(Path(file), reduce=True)


def same_file(one: str | None, other: str | None) -> bool:
    """Whether two uploads are the same, whatever Gradio called its copies of them."""
    files = [Path(file) for file in (one, other) if file and Path(file).is_file()]
    return len(files) == 2 and (files[0] == files[1] or files[0].read_bytes() == files[1].read_bytes())
