"""Which files are photos, and how their names are spelled: one rule wherever photos are looked for."""

import unicodedata
import zipfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath

JPEG, PHONES = (".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".pjpeg"), (".avif", ".heic", ".heif", ".hif")
PHOTO_SUFFIXES = frozenset({*JPEG, *PHONES, ".png", ".apng", ".webp", ".bmp", ".dib", ".gif", ".tif", ".tiff"})
# What storage devices and systems put beside people's photos; a name that begins with a dot is of this kind too.
SYSTEM_FOLDERS = frozenset(
    {
        "__macosx",
        "@eadir",
        "@tmp",
        "@recycle",
        "@recently-snapshot",
        "#recycle",
        "#snapshot",
        "$recycle.bin",
        "recycler",
        "system volume information",
        "lost+found",
    }
)
HEAD = 32  # bytes that tell what a file is


def is_photo(name: str, head: bytes = b"") -> bool:
    """Whether a file is a photo by its name, or, where that has no suffix, by its first `HEAD` bytes."""
    suffix = PurePosixPath(name.rstrip()).suffix.lower()
    return suffix in PHOTO_SUFFIXES or (not suffix and _begins_a_photo(head))


def _begins_a_photo(head: bytes) -> bool:
    return (
        head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*"))
        or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")
        or (head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis", b"heic", b"heix", b"hevc", b"mif1", b"msf1"))
        or (head[:2] == b"BM" and head[6:10] == bytes(4))
    )


def has_suffix(name: str) -> bool:
    """Whether a name says by its suffix what the file is."""
    return bool(PurePosixPath(name.rstrip()).suffix)


def is_photo_file(path: Path) -> bool:
    """Whether a file that is there is a photo, and meant to be seen."""
    try:
        if hidden((path.name,)) or not path.is_file():
            return False
        if has_suffix(path.name):
            return is_photo(path.name)
        with path.open("rb") as stream:
            return is_photo(path.name, stream.read(HEAD))
    except (OSError, ValueError):
        return False


def hidden(parts: Sequence[str]) -> bool:
    """Whether a path is of a file that no one put there to be seen: a dot file, "..", or in a system's folder."""
    return any(part.startswith(".") or part.lower() in SYSTEM_FOLDERS for part in parts)


def spelled(name: str) -> str:
    """A name as names are compared: in NFC, as most keyboards write it (macOS files are in NFD)."""
    return unicodedata.normalize("NFC", name)


def writable(name: str) -> str:
    """The same, with "?" for bytes that are no text: a name that can be written into any file."""
    return spelled(name.encode("utf-8", "replace").decode())


def zip_name(member: zipfile.ZipInfo) -> str:
    """What a zip's member is called: many programs write UTF-8 without saying so."""
    if member.flag_bits & 0x800:
        return member.filename
    try:
        return member.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return member.filename


def readings(name: str) -> tuple[str, ...]:
    """What a table may call a file: its name as compared; bytes that are not UTF-8 as in Windows too."""
    raw = name.encode("utf-8", "surrogateescape")
    written = (writable(name), spelled(raw.decode("cp1252", "replace"))) if writable(name) != spelled(name) else ()
    return (spelled(name), *written)


def find_file(folder: Path, file: str) -> Path:
    """The place of a file below a folder, however its name is spelled there; as it is named if it is not there."""
    here = folder
    if _exists(folder / file):
        return folder / file
    for part in PurePosixPath(file).parts:
        here /= part if _exists(here / part) else _listing(here).get(spelled(part).strip(), part)
    return here


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _listing(folder: Path) -> dict[str, str]:
    try:
        return _names(folder, folder.stat().st_mtime_ns)
    except (OSError, ValueError):
        return {}


@lru_cache(64)
def _names(folder: Path, _changed: int) -> dict[str, str]:
    """What is in a folder, by how it may be called."""
    known: dict[str, str] = {}
    for path in sorted(folder.iterdir()):
        for reading in readings(path.name):
            known.setdefault(reading.strip(), path.name)
    return known
