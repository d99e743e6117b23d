"""What photos for an archive come from: records in a fixed order, and the bytes of each."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Self

from reco_core.errors import ArchiveError, PhotoError
from reco_core.photo_sources.credits import with_unique_names
from reco_core.photo_sources.fetch import MOST_BYTES
from reco_core.photo_sources.titles import give_title
from reco_core.types import PhotoRecord
from reco_core.utils.hashing import digest

PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".avif", ".bmp", ".gif", ".tif", ".tiff"}


class Source(ABC):
    """Photos in a fixed order, and what is known of each.

    records: `file` is unique; `sha256` and `title` may be "" and sizes 0, where nobody stated them.
    key: hex digest of everything the photos depend on: names, credits, sizes, times of modification; not their bytes.
    """

    def __init__(self, what: object, records: list[PhotoRecord], parts: Iterable[object]) -> None:
        if not records:
            raise ArchiveError(
                "there are no photos in this source",
                given=what,
                expected="image files; with open licences, if only those are wanted",
            )
        self.records = with_unique_names(records)
        self._state = digest(f"{part!r}\n" for part in parts)

    @cached_property
    def key(self) -> str:
        return digest(f"{part!r}\n" for part in (*self.records, self._state))

    def give_titles(self, way: str) -> None:
        """Give photos that have no title one, see `titles.give_title`; before anyone asks for the key."""
        self.records = [replace(record, title=give_title(record, way)) for record in self.records]

    @abstractmethod
    def read(self, i: int) -> bytes:
        """The encoded image file of records[i], from any thread; quick when called in order.

        Raises:
            PhotoError: it cannot be had.
        """

    def close(self) -> None:  # noqa: B027 (most have nothing to let go)
        """Let go of open files."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Files(Source):
    """Photos that are files each."""

    def __init__(self, what: object, found: Sequence[tuple[PhotoRecord, Path]]) -> None:
        self.paths = [path for _, path in found]
        super().__init__(what, [record for record, _ in found], map(stamp, self.paths))

    def read(self, i: int) -> bytes:
        name, path = self.records[i].file, self.paths[i]
        if not is_file(path):
            raise PhotoError("the photo does not exist", given=name, remedy="Check the path")
        try:
            return path.read_bytes()
        except OSError as error:
            raise PhotoError(f"{name} cannot be read", given=error, remedy="Check the permissions") from error


def path_inside(folder: Path, file: str) -> Path:
    """The place of a file that a table names.

    Raises:
        ArchiveError: it is not below the folder.
    """
    path = Path(file)
    if path.is_absolute() or ".." in path.parts:
        raise ArchiveError(
            "a photo's name leaves the folder",
            given=file,
            expected=f"a path below {folder}",
            remedy="Correct the table, or do not trust it",
        )
    return folder / path


def hidden(parts: Sequence[str]) -> bool:
    """Whether a path is of a file that no one put there to be seen: a dot file, "..", or what macOS adds to a zip."""
    return any(part.startswith(".") or part == "__MACOSX" for part in parts)


def is_file(path: Path) -> bool:
    """Whether a file is there; a name that no file can have is not."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def stamp(path: Path) -> tuple[int, int]:
    """A file's size and time of modification; zeros if it is missing."""
    if not is_file(path):
        return 0, 0
    known = path.stat()
    return known.st_size, known.st_mtime_ns


def too_large(name: str, size: int) -> PhotoError:
    """What to raise for a photo of more than `MOST_BYTES`."""
    return PhotoError(f"{name} is too large", given=f"{size} bytes", expected=f"at most {MOST_BYTES} bytes")
