"""Large arrays on disk, written block by block."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np


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
