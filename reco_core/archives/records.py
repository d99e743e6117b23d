"""An archive's credits on disk: a row per photo, in a zip file of small tables, so that any row is at hand at once."""

import csv
import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from reco_core.types import PhotoRecord

BLOCK = 250  # rows of a table
CACHED = 64  # tables
COLUMNS = tuple(column.name for column in fields(PhotoRecord))
HASH = "perceptual_hash"  # 16 hexadecimal digits, or empty


class Records(Sequence[PhotoRecord]):
    """The records of a part; read on demand, safe to share between threads."""

    def __init__(self, file: Path, count: int) -> None:
        """Raises OSError, ValueError or zipfile.BadZipFile if it is no such file, or holds other than `count` rows."""
        self._zip, self._count = zipfile.ZipFile(file), count
        if self._zip.namelist() != [_name(i) for i in range(-(-count // BLOCK))]:
            raise ValueError(f"not the tables of {count} photos")
        self._block = lru_cache(CACHED)(self._read)
        if len(self._block(len(self._zip.namelist()) - 1)) != (count - 1) % BLOCK + 1:
            raise ValueError(f"not the rows of {count} photos")

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, row: Any) -> Any:  # one row, or a slice of them
        if isinstance(row, slice):
            return [self[i] for i in range(*row.indices(len(self)))]
        row = int(row)
        if not -len(self) <= row < len(self):
            raise IndexError(row)
        block, i = divmod(row % len(self), BLOCK)
        return self._block(block)[i][0]

    def __iter__(self) -> Iterator[PhotoRecord]:
        for block in range(len(self._zip.namelist())):  # past the cache, which a scan would only flush
            yield from (record for record, _ in self._read(block))

    def titles(self) -> Iterator[str]:
        """What the photos are called, in order; quicker than their whole records."""
        for block in range(len(self._zip.namelist())):
            rows = csv.reader(io.StringIO(self._text(block), newline=""))
            title = next(rows).index("title")
            yield from (row[title] for row in rows)

    def hashes(self) -> np.ndarray:
        """Perceptual hashes (N,) uint64; 0 where unknown."""
        blocks = range(len(self._zip.namelist()))
        return np.array([value for block in blocks for _, value in self._read(block)], np.uint64)

    def _text(self, block: int) -> str:
        return self._zip.read(_name(block)).decode("utf-8")

    def _read(self, block: int) -> list[tuple[PhotoRecord, int]]:
        rows = csv.DictReader(io.StringIO(self._text(block), newline=""))
        return [(PhotoRecord.of(row), int(row[HASH] or "0", 16)) for row in rows]


def write_records(records: Sequence[PhotoRecord], hashes: np.ndarray, file: Path) -> None:
    """Write records and their perceptual hashes (N,) uint64: the same bytes for the same records."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as out:
        for block in range(-(-len(records) // BLOCK)):
            rows = slice(block * BLOCK, (block + 1) * BLOCK)
            text = io.StringIO(newline="")
            table = csv.writer(text)
            table.writerow((*COLUMNS, HASH))
            for record, value in zip(records[rows], hashes[rows].tolist(), strict=True):
                table.writerow((*(getattr(record, column) for column in COLUMNS), f"{value:016x}" if value else ""))
            entry = zipfile.ZipInfo(_name(block))  # without a time stamp
            entry.compress_type = zipfile.ZIP_DEFLATED
            out.writestr(entry, text.getvalue().encode("utf-8", "replace"), compresslevel=9)


def _name(block: int) -> str:
    return f"{block:06d}.csv"


class ChainedRecords(Sequence[PhotoRecord]):
    """Several parts' records, one after the other."""

    def __init__(self, parts: Sequence[Sequence[PhotoRecord]]) -> None:
        self._parts = parts
        self._ends = np.cumsum([len(part) for part in parts])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, row: Any) -> Any:
        if isinstance(row, slice):
            return [self[i] for i in range(*row.indices(len(self)))]
        row = int(row) + (len(self) if row < 0 else 0)
        if not 0 <= row < len(self):
            raise IndexError(row)
        part = int(np.searchsorted(self._ends, row, side="right"))
        return self._parts[part][row - (int(self._ends[part - 1]) if part else 0)]

    def __iter__(self) -> Iterator[PhotoRecord]:
        for part in self._parts:
            yield from part
