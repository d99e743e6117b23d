"""Photos of more than 3:1, wide or tall, and how large they are looked at.

Their short side is seen as finely as that of a photo of 3:1, up to 9:1; from there on their area stays the same, and
with it memory and time.
"""

import math

LONG = 3.0  # long side by short side, above which a photo is read in windows
MOST_PIXELS = 1344**2  # of what models see of one: affinities of more positions would not fit into memory

LEAST_SIDE = 64  # on which models still see something


def aspect(size: tuple[int, ...]) -> float:
    """Long side by short side of (height, width, ...)."""
    return max(size[:2]) / min(size[:2])


def is_long(size: tuple[int, ...]) -> bool:
    """Whether a photo of (height, width, ...) is read in windows."""
    return aspect(size) > LONG


def shrinkage(size: tuple[int, ...]) -> float:
    """The short side's share of what it would be at 3:1: 1 up to 9:1, then less, so that the area stays."""
    return min(1.0, LONG / aspect(size) ** 0.5)


def working_side(size: tuple[int, ...], side: int) -> int:
    """The long side for a photo of (height, width, ...), of which one of up to 3:1 has `side`."""
    return round(side * max(1.0, aspect(size) / LONG) * shrinkage(size))


def windowed_size(size: tuple[int, ...], side: int, step: int) -> tuple[int, int]:
    """Height and width at which models see a long photo: multiples of `step`, a short side of at most about `side`.

    The longest photos, whose short side would be too small, are squeezed.
    """
    wanted = min(side * shrinkage(size), (MOST_PIXELS / aspect(size)) ** 0.5)
    short = max(math.ceil(LEAST_SIDE / step), round(wanted / step)) * step
    most = min(MOST_PIXELS, (LONG * side) ** 2) / short
    long = max(short, round(min(aspect(size) * short, most) / step) * step)
    return (long, short) if size[0] > size[1] else (short, long)
