"""Photos in zip and tar files, read in place: plain ones, and WebDataset's shards with credits beside each photo."""

import bz2
import csv
import gzip
import io
import itertools
import json
import logging
import lzma
import operator
import tarfile
import threading
import zipfile
import zlib
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import partial, reduce
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from reco_core.errors import ArchiveError, PhotoError
from reco_core.photo_sources.credits import UNKNOWN, is_allowed, known_fields, read_rows
from reco_core.photo_sources.fetch import MOST_BYTES, TABLE
from reco_core.photo_sources.source import Source, stamp, too_large
from reco_core.photo_sources.walk import HIDDEN, NO_PHOTO
from reco_core.types import LeftOut, PhotoRecord
from reco_core.utils.photo_files import HEAD, has_suffix, hidden, is_photo, readings, spelled, writable, zip_name
from reco_core.utils.run_control import RunControl

log = logging.getLogger(__name__)
GZIP, BZIP2, LZMA = (".tar.gz", ".tgz"), (".tar.bz2", ".tbz2"), (".tar.xz", ".txz")
PACKED: dict[tuple[str, ...], Callable[..., Any]] = {GZIP: gzip.open, BZIP2: bz2.open, LZMA: lzma.open}
SUFFIXES = (".zip", ".tar", *itertools.chain(*PACKED))
SIDECARS = (".json", ".txt")
SIDECAR_BYTES = 1_000_000  # larger ones say something else than one photo's credits
KEPT_BYTES = 64_000_000  # of photos that a compressed tar was read past, for threads that come late
OPEN = 3  # shards at a time: in-order readers are in one, or pass from it to the next
BROKEN_PACKING = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)
DAMAGE = (*BROKEN_PACKING, EOFError, OSError, ValueError, NotImplementedError)
Member = tuple[str, int, Any]  # name, bytes, and how its shard finds it again


def is_shard(file: Path) -> bool:
    """Whether a file is, by its name, a zip or tar."""
    return file.name.lower().endswith(SUFFIXES) and not file.name.startswith(".") and file.is_file()


class Shards(Source):
    """The photos of one or more zip and tar files, in order."""

    def __init__(self, what: Path, files: list[Path], open_only: bool, control: RunControl) -> None:
        self._places: list[tuple[_Shard, Member]] = []
        self._open: OrderedDict[_Shard, None] = OrderedDict()
        self._lock = threading.Lock()
        records = []
        skipped: list[LeftOut] = []
        for done, file in enumerate(files, 1):
            shard = _open_shard(file)
            for member, row in _listed(shard, skipped, control):
                if is_allowed(row) or not open_only:
                    name = member[0] if len(files) == 1 else f"{file.name}/{member[0]}"
                    records.append(PhotoRecord.of({**row, "file": name}))
                    self._places.append((shard, member))
            control.report("shards", done, len(files))
        for shard, member in self._places:
            shard.wanted.append(member)
        super().__init__(what, records, [(file.name, stamp(file)) for file in files], skipped)

    def read(self, i: int) -> bytes:
        shard, (name, size, place) = self._places[i]
        if size > MOST_BYTES:
            raise too_large(name, size)
        with self._lock:
            self._open[shard] = None
            self._open.move_to_end(shard)
            passed = [self._open.popitem(last=False)[0] for _ in range(len(self._open) - OPEN)]
        for other in passed:
            other.close()
        try:
            data = shard.read(place, size)
        except DAMAGE as error:
            raise PhotoError(
                f"{name} cannot be read from {shard.file.name}", given=error, remedy="Fetch or pack the file anew"
            ) from error
        if len(data) != size:
            raise PhotoError(
                f"{name} is cut short in {shard.file.name}", given=f"{len(data)} bytes", expected=f"{size} bytes"
            )
        return data

    def close(self) -> None:
        with self._lock:
            passed = list(self._open)
            self._open.clear()
        for shard in passed:
            shard.close()


class _Shard(ABC):
    """One file. wanted: its photos in order, once they are known."""

    def __init__(self, file: Path) -> None:
        self.file, self.wanted, self.lock = file, list[Member](), threading.Lock()

    @abstractmethod
    def members(self) -> Iterator[tuple[Member, Callable[[], bytes]]]:
        """Regular files in order, each with its bytes for whoever asks before the next."""

    @abstractmethod
    def read(self, place: Any, size: int) -> bytes: ...

    def close(self) -> None:  # noqa: B027 (plain tars keep none open)
        """Let go of the open file; it is opened again when needed."""


class _Zip(_Shard):
    zip: zipfile.ZipFile | None = None

    def members(self) -> Iterator[tuple[Member, Callable[[], bytes]]]:
        with zipfile.ZipFile(self.file) as opened:
            for info in opened.infolist():
                if not info.is_dir() and info.external_attr >> 28 in (0, 8):  # no link: Unix's type, where it is stated
                    yield (zip_name(info), info.file_size, info), partial(self.read, info, info.file_size)
        self.close()

    def read(self, place: zipfile.ZipInfo, size: int) -> bytes:
        if place.flag_bits & 1:
            raise PhotoError(
                f"{place.filename} is encrypted", given=self.file.name, remedy="Unpack it with its password"
            )
        if place.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            # the others' decoders cannot be stopped at a size
            raise PhotoError(
                f"{place.filename} is packed in an unusual way",
                given=self.file.name,
                expected="stored or deflated",
                remedy="Pack it anew",
            )
        with self.lock:
            self.zip = self.zip or zipfile.ZipFile(self.file)
            with self.zip.open(place) as stream:
                return stream.read(size)

    def close(self) -> None:
        with self.lock:
            if self.zip:
                self.zip.close()
            self.zip = None


class _Tar(_Shard):
    """A place in a tar is the offset of the bytes."""

    def stream(self) -> IO[bytes]:
        return self.file.open("rb")

    def members(self) -> Iterator[tuple[Member, Callable[[], bytes]]]:
        with self.stream() as stream, tarfile.open(fileobj=cast(IO[bytes], _Bounded(stream)), mode="r:") as tar:
            while info := tar.next():
                tar.members = []  # type: ignore[attr-defined]  # it would keep them all
                if info.size < 0:
                    raise tarfile.ReadError("a member of negative size")  # would lead back, and round for ever
                if info.isreg() and not info.issparse():
                    yield ((info.name, info.size, info.offset_data), partial(_at, stream, info.offset_data, info.size))

    def read(self, place: int, size: int) -> bytes:
        with self.stream() as stream:
            return _at(stream, place, size)


class _PackedTar(_Tar):
    """A tar under compression: it can only be read forward, so what is passed is kept for a while."""

    def __init__(self, file: Path) -> None:
        super().__init__(file)
        self.unpack = next(unpack for suffixes, unpack in PACKED.items() if file.name.lower().endswith(suffixes))
        self.unpacked: IO[bytes] | None = None
        self.kept: OrderedDict[int, bytes] = OrderedDict()
        self.held = 0  # bytes of `kept`

    def stream(self) -> IO[bytes]:
        return self.unpack(self.file)

    def read(self, place: int, size: int) -> bytes:
        with self.lock:
            if place not in self.kept:
                self._forward(place)
            return self.kept[place]

    def _forward(self, place: int) -> None:
        if self.unpacked is None:
            self.unpacked = self.stream()
        if self.unpacked.tell() > place:
            log.info("reading %s from its beginning again", self.file.name)
            self.unpacked.seek(0)
            self._forget()
        first = bisect_left(self.wanted, self.unpacked.tell(), key=lambda member: member[2])
        for _, size, at in self.wanted[first:]:
            if size <= MOST_BYTES:
                self.kept[at] = _at(self.unpacked, at, size)
                self.held += len(self.kept[at])
            while len(self.kept) > 1 and self.held > KEPT_BYTES:
                self.held -= len(self.kept.popitem(last=False)[1])
            if at >= place:
                return

    def close(self) -> None:
        with self.lock:
            if self.unpacked:
                self.unpacked.close()
            self.unpacked = None
            self._forget()

    def _forget(self) -> None:
        self.kept.clear()
        self.held = 0


class _Bounded:
    """A file for tarfile, which would read as much at once as a header says: headers can lie."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.seek, self.tell, self.stream = stream.seek, stream.tell, stream

    def read(self, size: int) -> bytes:
        if not 0 <= size <= MOST_BYTES:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self.stream.read(size)


def _at(stream: IO[bytes], place: int, size: int) -> bytes:
    stream.seek(place)
    return stream.read(size)


def _open_shard(file: Path) -> _Shard:
    name = file.name.lower()
    return _Zip(file) if name.endswith(".zip") else _Tar(file) if name.endswith(".tar") else _PackedTar(file)


def _listed(shard: _Shard, skipped: list[LeftOut], control: RunControl) -> Iterator[tuple[Member, dict[str, str]]]:
    """The photos of a shard, each with what its sidecars and the shard's table say; other members are `skipped`."""
    photos: list[Member] = []
    said: dict[str, dict[str, str]] = {}  # by sample, or by a photo's name where a table says it
    try:
        for (given, size, place), read in shard.members():
            control.raise_if_cancelled("listing photos was cancelled")
            path = PurePosixPath(_inner(given))
            if is_photo(path.name, b"" if not path.name or has_suffix(path.name) else _head(read, size)):
                photos.append((str(path), size, place))
            elif path.name != TABLE and path.suffix.lower() not in SIDECARS:
                skipped.append(LeftOut(writable(given), NO_PHOTO if path.name else HIDDEN))
            elif size <= SIDECAR_BYTES or (path.name == TABLE and size <= MOST_BYTES):
                for of, row in _sidecar(path, read, shard.file.name):
                    said[of] = {**said.get(of, {}), **row}
    except DAMAGE as error:
        raise ArchiveError(
            f"{shard.file.name} is damaged, or not what its name says",
            given=error,
            expected="a whole zip or tar",
            remedy="Fetch or pack it anew",
        ) from error
    for photo in photos:
        path = PurePosixPath(photo[0])
        sample = _sample(path)
        stated = (said.get(of, {}) for of in (f"{sample}txt", f"{sample}json", *reversed(readings(photo[0]))))
        yield photo, reduce(operator.or_, stated, UNKNOWN)


def _head(read: Callable[[], bytes], size: int) -> bytes:
    """How a member begins; nothing if it cannot be read, or is no photo by its size."""
    try:
        return read()[:HEAD] if size <= MOST_BYTES else b""
    except (PhotoError, *DAMAGE):
        return b""


def _sidecar(path: PurePosixPath, read: Callable[[], bytes], shard: str) -> Iterator[tuple[str, dict[str, str]]]:
    """What a file says that is no photo: of which photo or sample, and what."""
    try:
        if path.name == TABLE:
            for row in read_rows(io.BytesIO(read()), f"{shard}/{path}", "\t", csv.QUOTE_NONE):
                yield _inner(f"{path.parent}/{row.get('file', '')}"), row
        elif path.suffix.lower() == ".json":
            fields = json.loads(read())
            yield f"{_sample(path)}json", known_fields(fields if isinstance(fields, dict) else {})
        elif path.suffix.lower() == ".txt":
            yield f"{_sample(path)}txt", known_fields({"title": " ".join(read().decode(errors="replace").split())})
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError, PhotoError) as error:
        log.warning("%s in %s says nothing of its photo: %s", path, shard, error)


def _inner(name: str) -> str:
    """A member's path in NFC, "" for one that leaves its folder or is not meant to be seen."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    outside = name.startswith(("/", "\\")) or ":" in name[1:2]
    return "" if outside or hidden(parts) else spelled("/".join(parts))


def _sample(path: PurePosixPath) -> str:
    """WebDataset: the files of a sample share their path up to the first dot of the name."""
    return f"{path.parent}/{path.name.split('.')[0]}."
