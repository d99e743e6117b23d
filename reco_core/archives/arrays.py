"""Large arrays on disk, as .npy files: written block by block, read through a memory map."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

HEADER = re.compile(
    rb"\x93NUMPY\x01\x00(..)\{'descr': '([|<][uf]\d)', 'fortran_order': False, 'shape': \(((?:\d+, ?)*\d*)\), ?\} *\n",
    re.DOTALL,
)


def open_array(file: Path) -> np.ndarray:
    """A .npy file, mapped for reading.

    `np.load` parses headers with `ast`, which fails now and then in Python 3.11 when several threads do it at once.

    Raises:
        OSError: it cannot be read. ValueError: it is no plain array of integers or floats, or is cut short.
    """
    with file.open("rb") as stream:
        found = HEADER.match(stream.read(256))
    if not found:
        raise ValueError("it is no .npy file of a plain array")
    start = 10 + int.from_bytes(found[1], "little")
    shape = tuple(int(length) for length in found[3].split(b",") if length.strip())
    return np.memmap(file, np.dtype(found[2].decode()), "r", start, shape)


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
