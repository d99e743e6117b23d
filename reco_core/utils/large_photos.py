"""Photos with more pixels than are worked on: made smaller while they are read, as far as a computer can bear it."""

import math

from PIL import Image

MOST_PIXELS = 100_000_000  # of what has to be decoded as a whole; a JPEG is decoded smaller
JPEG_PIXELS = 178_000_000  # above, Pillow opens nothing
JPEGS = ("JPEG", "MPO")


def most_pixels(image: Image.Image) -> int:
    """How many pixels an image of its kind may have to be made smaller."""
    return JPEG_PIXELS if image.format in JPEGS else MOST_PIXELS


def decode_smaller(image: Image.Image, limit: int) -> None:
    """Have a JPEG of more pixels than the limit decoded at half its sides or less; it must not have been loaded."""
    if image.width * image.height > limit:
        image.draft(None, (image.width // 2, image.height // 2))  # type: ignore[arg-type]  # None: colours stay


def reduced(image: Image.Image, limit: int) -> Image.Image:
    """A loaded image, in a mode that can be averaged, with about as many pixels as the limit at most."""
    times = math.ceil(math.sqrt(image.width * image.height / limit))
    return image.reduce(times) if times > 1 else image
