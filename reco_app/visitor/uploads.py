"""What people drop: photos, and zips of photos (`zips`), read one after the other."""

import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from reco_app.limits import Limits
from reco_app.temporary import used
from reco_app.visitor.budget import Budget
from reco_app.visitor.user_photos import SmallPhoto, shrink
from reco_app.visitor.zips import HEAD, ZIP_ERRORS, check_pixels, open_zip, stated_pixels
from reco_core.errors import ArchiveError, PhotoError
from reco_core.types import LeftOut
from reco_core.utils.images import read_with_remarks
from reco_core.utils.photo_files import has_suffix, hidden, is_photo, writable, zip_name

Read = Callable[[], bytes]


class Uploads:
    """Dropped files, as photos that may be kept."""

    def __init__(self, files: Sequence[str], limits: Limits = Limits()) -> None:
        """Raises ArchiveError if a zip is damaged or too large; nothing has been unpacked then."""
        self._limits = limits
        self._found: list[tuple[str, Read | None]] = []  # None: it is no photo by its name
        for file in map(Path, files):
            if file.suffix.lower() == ".zip":
                self._found += _members(file, limits)
            else:
                used(file)
                self._found.append((file.name, file.read_bytes))

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[SmallPhoto | LeftOut]:
        """Raises Refused if it takes too long or these are too many pixels, Cancelled if nobody waits for it."""
        budget = Budget(self._limits)
        for label, read in self._found:
            try:
                data = read() if read else b""
            except ZIP_ERRORS as error:
                yield LeftOut(label, _damaged(error))
                continue
            budget.spend(data)
            yield small_photo(label, data) if read else LeftOut(label, "no photo")

    def originals(self) -> Iterator[tuple[str, bytes] | LeftOut]:
        """The files' names and bytes, as they were given."""
        for label, read in self._found:
            try:
                yield (label, read()) if read else LeftOut(label, "no photo")
            except ZIP_ERRORS as error:
                yield LeftOut(label, _damaged(error))


def _members(file: Path, limits: Limits) -> list[tuple[str, Read | None]]:
    """Names serve to tell them apart for the user; no file is ever called by them."""
    opened, found, pixels = open_zip(file, limits), [], 0
    for entry in opened.infolist():
        path = PurePosixPath(zip_name(entry).replace("\\", "/"))
        if entry.is_dir() or hidden(path.parts):
            continue
        head = _head(opened, entry)
        photo, pixels = is_photo(path.name, b"" if has_suffix(path.name) else head), pixels + stated_pixels(head)
        check_pixels(file, pixels, limits)
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
    except (*ZIP_ERRORS, NotImplementedError):
        return b""


def small_photo(label: str, data: bytes) -> SmallPhoto | LeftOut:
    """A photo made small, or why it is left out."""
    try:
        return shrink(label, data)
    except PhotoError as error:
        return LeftOut(label, str(error).removeprefix("the photo is "))


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
    used(Path(file))
    return read_with_remarks(Path(file), reduce=True)


def same_file(one: str | None, other: str | None) -> bool:
    """Whether two uploads are the same, whatever Gradio called its copies of them."""
    files = [Path(file) for file in (one, other) if file and Path(file).is_file()]
    return len(files) == 2 and (files[0] == files[1] or files[0].read_bytes() == files[1].read_bytes())
