"""Photos with more pixels than are worked on: made smaller while they are read, as far as a computer can bear it.

Who looks at a photo at a side of a few hundred pixels has a JPEG decoded at a half, quarter or eighth of its sides, as
long as both stay twice what is looked at: what a model says of it then changes by half of what saving the photo once
more at quality 75 changes. With no such margin it would be more than that (docs/performance.md).
"""

import math

from PIL import Image

MOST_PIXELS = 100_000_000  # of what has to be decoded as a whole; a JPEG is decoded smaller
JPEG_PIXELS = 178_000_000  # above, Pillow opens nothing
SPARE = 2  # times the side that is looked at
JPEGS = ("JPEG", "MPO")


def most_pixels(image: Image.Image) -> int:
    """How many pixels an image of its kind may have to be made smaller."""
    return JPEG_PIXELS if image.format in JPEGS else MOST_PIXELS


def decode_smaller(image: Image.Image, limit: int) -> None:
    """Have a JPEG of more pixels than the limit decoded at half its sides or less; it must not have been loaded."""
    if image.width * image.height > limit:
        image.draft(None, (image.width // 2, image.height // 2))  # type: ignore[arg-type]  # None: colours stay


def decode_for(image: Image.Image, side: int) -> None:
    """Have a JPEG that is looked at at that side decoded no larger than needed; it must not have been loaded."""
    image.draft(None, (SPARE * side, SPARE * side))  # type: ignore[arg-type]  # None: colours stay


def reduced(image: Image.Image, limit: int) -> Image.Image:
    """A loaded image, in a mode that can be averaged, with about as many pixels as the limit at most."""
    times = math.ceil(math.sqrt(image.width * image.height / limit))
    return image.reduce(times) if times > 1 else image
