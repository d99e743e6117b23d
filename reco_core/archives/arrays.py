"""Large arrays on disk, as .npy files: written block by block, read row by row or through a memory map.

A program that touches a mapped page whose file was cut short meanwhile is killed (SIGBUS). So what is served is read.
"""

import itertools
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np

HEADER = re.compile(
    rb"\x93NUMPY\x01\x00(..)\{'descr': '([|<][uf]\d)', 'fortran_order': False, 'shape': \(((?:\d+, ?)*\d*)\), ?\} *\n",
    re.DOTALL,
)


class HeldFile:
    """A file that stays open; safe to share between threads."""

    def __init__(self, file: Path) -> None:
        """Raises OSError if it cannot be opened."""
        self._stream, self._lock = file.open("rb", buffering=0), threading.Lock()

    def __len__(self) -> int:
        with self._lock:
            return self._stream.seek(0, 2)

    def read_into(self, start: int, out: np.ndarray) -> None:
        """Fill a contiguous array with the bytes from `start` on; raises ValueError if the file was cut short."""
        rest = out.data.cast("B") if out.size else memoryview(b"")
        with self._lock:
            self._stream.seek(start)
            while len(rest):
                count = self._stream.readinto(rest)
                if not count:
                    raise ValueError("it was cut short while it was in use")
                rest = rest[count:]


class Rows:
    """The rows of a .npy file, each read when it is asked for."""

    def __init__(self, file: Path) -> None:
        """Raises what `open_array` does."""
        mapped = open_array(file)
        self.shape, self.dtype, self.ndim, self._start = mapped.shape, mapped.dtype, mapped.ndim, _start(file)
        self._file = HeldFile(file)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: int | np.ndarray) -> np.ndarray:
        """Rows (n, ...) by their numbers (n,), or one (...) by its number; in [0, N).

        Raises:
            IndexError: there is no such row. ValueError: the file was cut short.
        """
        numbers = np.atleast_1d(rows)
        if np.any((numbers < 0) | (numbers >= len(self))):
            raise IndexError(f"rows are 0 to {len(self) - 1}")
        out = np.empty((len(numbers), *self.shape[1:]), self.dtype)
        size = self.dtype.itemsize * int(np.prod(self.shape[1:]))
        for to, row in zip(out, numbers.tolist(), strict=True):
            self._file.read_into(self._start + row * size, to)
        return out if np.ndim(rows) else out[0]


def open_array(file: Path) -> np.ndarray:
    """A .npy file, mapped for reading.

    `np.load` parses headers with `ast`, which fails now and then in Python 3.11 when several threads do it at once.

    Raises:
        OSError: it cannot be read. ValueError: it is no plain array of integers or floats, or is cut short.
    """
    found = _header(file)
    start = _start(file)
    shape = tuple(int(length) for length in found[3].split(b",") if length.strip())
    return np.memmap(file, np.dtype(found[2].decode()), "r", start, shape)


def _header(file: Path) -> re.Match[bytes]:
    with file.open("rb") as stream:
        found = HEADER.match(stream.read(256))
    if not found:
        raise ValueError("it is no .npy file of a plain array")
    return found


def _start(file: Path) -> int:
    """Where its values begin."""
    return 10 + int.from_bytes(_header(file)[1], "little")


def write_array(blocks: Iterator[np.ndarray], count: int, file: Path) -> Path:
    """Write blocks (n, ...), `count` rows in all, as one .npy file.

    Not through a memory map: a program that writes to one is killed when the disk is full, without any error.

    Raises:
        OSError: it cannot be written. ValueError: the blocks have other than `count` rows.
    """
    first = next(blocks)
    about = {"descr": first.dtype.str, "fortran_order": False, "shape": (count, *first.shape[1:])}
    written = 0
    with file.open("wb") as out:
        np.lib.format.write_array_header_1_0(out, about)
        for block in itertools.chain([first], blocks):
            out.write(np.ascontiguousarray(block).tobytes())
            written += len(block)
    if written != count:
        raise ValueError(f"{written} rows instead of {count}")
    return file
