"""The photos that a command is given: files, folders, archives of photos, or several of these."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from reco_core.cli.progress_log import ProgressLog
from reco_core.errors import OptionError, PhotoError
from reco_core.photo_sources.factory import open_source
from reco_core.photo_sources.shards import is_shard
from reco_core.photo_sources.source import Source


@dataclass(frozen=True, slots=True)
class Given:
    """A photo: its name, below the folder it was found in, and how its bytes are read, which may raise PhotoError."""

    photo: str
    read: Callable[[], bytes]


def is_many(paths: Sequence[Path]) -> bool:
    """Whether more than one photo may be meant: several paths, or a folder, zip or tar."""
    return len(paths) != 1 or paths[0].is_dir() or is_shard(paths[0])


def list_given(paths: Sequence[Path], out: Path) -> list[Given]:
    """All photos, in their order; those of one name are told apart by the folder that they are in.

    out: the folder for results; what lies in it is no photo.

    Raises:
        ArchiveError: a folder, zip or tar is damaged, or has no photo. OptionError: results would lie among photos, or
        there is no photo but results.
    """
    found: list[tuple[Given, str]] = []  # with the name's folder
    for path in dict.fromkeys(paths):
        if path.is_dir() or is_shard(path):
            if path.resolve() == out.resolve():
                remedy = "Give another --out, such as a new folder in it"
                raise OptionError("results would lie among the photos", given=out, remedy=remedy)
            source = open_source(path, control=ProgressLog("listing"))
            kept = [i for i in range(len(source.records)) if not _inside(path / source.records[i].file, out)]
            found += [(Given(source.records[i].file, partial(_of_source, source, i)), path.stem) for i in kept]
        else:
            found.append((Given(path.name, partial(_of_file, path)), path.resolve().parent.name))
    if not found:
        raise OptionError("there are no photos but results", given=out, remedy="Give the folder of the photos")
    count = Counter(_key(given.photo) for given, _ in found)
    return [
        Given(f"{folder}/{given.photo}", given.read) if count[_key(given.photo)] > 1 and folder else given
        for given, folder in found
    ]


def _key(photo: str) -> str:
    return str(PurePosixPath(photo)).casefold()


def _inside(file: Path, out: Path) -> bool:
    return file.resolve().is_relative_to(out.resolve())


def _of_source(source: Source, i: int) -> bytes:
    return source.read(i)


def _of_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise PhotoError("the photo does not exist", given=path, remedy="Check the path") from error
    except OSError as error:
        raise PhotoError("the photo cannot be read", given=error, remedy="Check path and permissions") from error
