"""An archive's folder: files that never change, and a manifest that names them.

manifest.json says which files belong to the archive, with size and SHA-256 of each, and which photos' they are: an
archive has one or more *parts*, photos that were added together. Files are named by what they hold
(features-<start of SHA-256>.npy), so a change adds files and then puts another manifest in the place of the old one, in
one step: whoever reads sees the archive before or after, never between; a program that is killed leaves at most files
that no manifest names, and the next change sweeps them away. Who has opened the old files keeps them.
"""

import difflib
import json
import logging
import os
import re
import shutil
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock, Timeout

from reco_core.errors import ArchiveError
from reco_core.utils.atomic_write import atomic_write
from reco_core.utils.hashing import digest, sha256

log = logging.getLogger(__name__)
FORMAT = 3
MANIFEST = "manifest.json"
CONTENT_NAME = re.compile(r"[a-z_.]+-[0-9a-f]{16}(\.[a-z0-9]+)?")  # files named by their contents
PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")  # no folder, nothing hidden
CHECKED_ON_OPENING = 4_000_000  # bytes; larger files are compared with the manifest by `archive verify` alone
BUILD = "Archives are made with: reco archive build PHOTOS --out FOLDER"
REBUILD = "Rebuild it with: reco archive build PHOTOS --out FOLDER"


@dataclass(frozen=True)
class File:
    """What the manifest knows of a file."""

    sha256: str
    bytes: int


class NewFile(NamedTuple):
    """A file on its way into an archive: where it lies, and what the manifest will say of it."""

    path: Path
    known: File


@dataclass(frozen=True)
class Part:
    """Photos that were added together: how many, and the file for each role (see `archive.Archive`).

    codec: how dense features are compressed. recall: of the approximate index, if it has one. left_out: photos that
    were not taken, by reason.
    """

    photos: int
    files: Mapping[str, str]
    codec: str
    licences: Mapping[str, int]
    recall: float | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """What an archive consists of. grid, language_grid: (height, width) of the dense features and language maps.

    shared: files of the archive as a whole, by role.
    """

    preset: str
    weights: str
    dimension: int
    grid: tuple[int, int]
    language_grid: tuple[int, int]
    parts: tuple[Part, ...]
    shared: Mapping[str, str]
    files: Mapping[str, File]

    @property
    def photos(self) -> int:
        return sum(part.photos for part in self.parts)

    @property
    def licences(self) -> dict[str, int]:
        """Photos by licence, most first."""
        total = add_up(part.licences for part in self.parts)
        return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))

    @property
    def left_out(self) -> dict[str, int]:
        """Photos that were not taken, by reason."""
        return add_up(part.left_out for part in self.parts)

    @property
    def named(self) -> set[str]:
        """All files that parts or the archive as a whole use."""
        return {*self.shared.values(), *(name for part in self.parts for name in part.files.values())}

    def text(self) -> str:
        """As it is written; the archive's hash is the SHA-256 of this."""
        listed = {name: asdict(self.files[name]) for name in sorted(self.named)}
        entries = {"format": FORMAT, "photos": self.photos, **asdict(self), "licences": self.licences, "files": listed}
        return json.dumps(entries, indent=1, ensure_ascii=False) + "\n"

    @property
    def hash(self) -> str:
        return digest(self.text())


def add_up(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The sums of several tables of counts."""
    total = Counter[str]()
    for one in counts:
        total.update(one)  # a sum of counters would lose those of zero
    return dict(total)


def read_manifest(folder: Path) -> Manifest:
    """An archive's manifest.

    Raises:
        ArchiveError: missing, damaged, of another format, or it names a file outside the folder.
    """
    file = folder / MANIFEST
    if not file.is_file():
        raise _missing(folder)
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))
        version = entries["format"]
        if version == FORMAT:
            found: dict[str, Any] = {known.name: entries[known.name] for known in fields(Manifest)}
            found |= {grid: tuple(entries[grid]) for grid in ("grid", "language_grid")}
            found["dimension"] = int(entries["dimension"])
            found["parts"] = tuple(Part(**part) for part in entries["parts"])
            found["files"] = {name: File(**entry) for name, entry in entries["files"].items()}
            one = Manifest(**found)
            if not one.named <= set(one.files) or not all(map(PLAIN.fullmatch, one.files)) or not one.photos:
                raise ValueError("it names files that it does not list, or that are elsewhere")
            return one
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged(folder, MANIFEST, error) from error
    raise ArchiveError("the archive has another format", given=version, expected=str(FORMAT), remedy=REBUILD)


def _missing(folder: Path) -> ArchiveError:
    """What is at fault with a folder that has no manifest: mostly its name."""
    why = "" if folder.is_dir() else ": this is a file" if folder.exists() else ": there is no such folder"
    beside = [file.parent.name for file in folder.parent.glob(f"*/{MANIFEST}")]
    near = difflib.get_close_matches(folder.name, beside, n=1)
    meant = f'Did you mean "{folder.with_name(near[0])}"? ' if near else ""
    expected = f"a folder with {MANIFEST}"
    return ArchiveError(f"there is no archive here{why}", given=folder, expected=expected, remedy=meant + BUILD)


def stamp(folder: Path) -> tuple[int, int]:
    """Another value after every change of the archive, even if the same photos come back; zeros if there is none."""
    try:
        status = (folder / MANIFEST).stat()
    except OSError:
        return 0, 0
    return status.st_ino, status.st_mtime_ns


def damaged(folder: Path, name: str, why: object) -> ArchiveError:
    return ArchiveError(f"the archive's file {name} is damaged", given=f"{folder} ({why})", remedy=REBUILD)


def check(folder: Path, manifest: Manifest, every_byte: bool = False) -> Iterator[tuple[str, str]]:
    """Compare files with the manifest: (name, problem) for each that differs.

    every_byte: read them all; otherwise only sizes, and the bytes of small files.
    """
    for name in sorted(manifest.named):
        file, expected = folder / name, manifest.files[name]
        try:
            size = file.stat().st_size
            if size != expected.bytes:
                yield name, f"it has {size} bytes, not {expected.bytes}"
            elif (every_byte or size <= CHECKED_ON_OPENING) and sha256(file) != expected.sha256:
                yield name, "its SHA-256 differs from the manifest's"
        except FileNotFoundError:  # perhaps since a moment ago
            yield name, "it is missing"
        except OSError as error:
            yield name, f"it cannot be read: {error}"


@contextmanager
def changing(folder: Path) -> Iterator[Path]:
    """The right to change an archive (or to make one), and a folder beside it to work in; emptied afterwards.

    Raises:
        ArchiveError: another process is changing it, or the folder holds something else.
    """
    folder = folder.absolute()
    folder.parent.mkdir(parents=True, exist_ok=True)
    foreign = folder.exists() and not (folder / MANIFEST).exists()
    if foreign and not (folder.is_dir() and all(CONTENT_NAME.fullmatch(file.name) for file in folder.iterdir())):
        raise ArchiveError("the target is not empty and is no archive", given=folder, remedy="Choose a new folder")
    # The lock's file stays: deleting it would let a third process in beside one that waits for it.
    lock = FileLock(folder.parent / f".{folder.name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise ArchiveError("another process is changing this archive", given=folder, remedy="Wait for it") from error
    work = folder.parent / f".{folder.name}-changing"
    try:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        with suppress(ArchiveError):  # there is none yet, or whoever changes it says what is wrong
            _sweep(folder, read_manifest(folder))
        yield work
    except OSError as error:
        raise ArchiveError(
            "the archive could not be written",
            given=f"{folder} ({error})",
            remedy="Check free space and permissions; nothing was changed",
        ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
        lock.release()


def name_by_contents(files: Mapping[str, Path]) -> dict[str, NewFile]:
    """Name files by role and contents: role -> file, renamed where it lies."""
    named = {}
    for role, file in files.items():
        contents = sha256(file)
        path = file.rename(file.with_name(f"{role}-{contents[:16]}{file.suffix}"))
        named[role] = NewFile(path, File(contents, path.stat().st_size))
    return named


def commit(folder: Path, manifest: Manifest, new: Mapping[str, NewFile]) -> None:
    """Bring new files into the folder and put the manifest in place; files that it does not name are deleted.

    manifest: need not list the new files. new: by name, on the same disk. Call it inside `changing`. Raises OSError,
    and then nothing has changed.
    """
    folder.mkdir(exist_ok=True)
    before = _listed(folder)
    for name, file in new.items():
        _flush(file.path)
        file.path.replace(folder / name)  # one of the same name may be damaged
    _flush(folder)
    listed = {**manifest.files, **{name: file.known for name, file in new.items()}}
    atomic_write(folder / MANIFEST, replace(manifest, files=listed).text())
    _flush(folder)
    _sweep(folder, manifest, before)


def _sweep(folder: Path, manifest: Manifest, before: Collection[str] = ()) -> None:
    """Delete files that no longer belong to an archive. before: those that did. What else is there is not ours."""
    for name in strays(folder, manifest):
        if name in before or CONTENT_NAME.fullmatch(name):
            with suppress(OSError):  # still open, on some systems: the next change sweeps again
                (folder / name).unlink()


def strays(folder: Path, manifest: Manifest) -> set[str]:
    """What lies in an archive's folder and does not belong to it."""
    return {file.name for file in folder.iterdir()} - manifest.named - {MANIFEST}


def _listed(folder: Path) -> set[str]:
    """The files that a manifest names, of whatever format it is."""
    try:
        names = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        return {name for name in names if PLAIN.fullmatch(name)}
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _flush(path: Path) -> None:
    """Make sure that a file, or a folder's list, survives a power failure."""
    with suppress(PermissionError):  # folders cannot be opened on some systems
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
