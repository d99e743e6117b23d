"""Values of any range as the 256 that a photo has: which are black and white is told by the type, else by the data."""

import sys
from collections.abc import Callable
from typing import cast

import numpy as np
from PIL import Image, ImageFile

from reco_core.errors import PhotoError

STRIP = 256  # rows at a time: nothing of a large photo is held twice in floats
DEPTHS = (8, 10, 12, 14)  # of cameras and scanners whose files have 16 bits
OUTLIERS = 0.1  # per cent of a float photo that may lie beyond black, or white, and is cut
SAMPLED = 1_000_000  # values that are enough to know a range
# Pillow keeps one byte of a colour's two; the other is had by calling the byte order by its other name.
OTHER_BYTE = {"16B": "16L", "16L": "16B", "16N": "16B" if sys.byteorder == "little" else "16L"}


def has_other_values(image: Image.Image) -> bool:
    """Whether an image is grey in more than 8 bits."""
    return image.mode.startswith("I") or image.mode == "F"


def to_bytes(values: np.ndarray) -> tuple[Image.Image, str]:
    """Integers or floats (H, W) or (H, W, 3) as 8 bits, and a remark on their range: "" if it is that of 16 bits.

    Raises:
        PhotoError: not one value is a number.
    """
    low, high = _float_range(values) if values.dtype.kind == "f" else _integer_range(values)
    remark = "" if (low, high) == (0, 65535) else f"values from {low:,.6g} to {high:,.6g} were taken as black to white"
    return Image.fromarray(_scaled(values, low, high)), remark


def values_of(image: Image.Image) -> np.ndarray:
    """What an image of `has_other_values` holds: (H, W)."""
    values, tags = np.asarray(image), getattr(image, "tag_v2", {})
    unsigned = tags.get(258) == (32,) and tags.get(339, (1,)) == (1,)  # Pillow has no unsigned integers of 32 bits
    return values.view(np.uint32) if unsigned else values


def with_all_bits(image: Image.Image, again: Callable[[], Image.Image]) -> tuple[Image.Image, str]:
    """A photo in colour, and a remark. If its file has 16 bits of which the upper ones are empty, the others are had.

    image: opened, not yet loaded. again: opens it once more.
    """
    other = _other_byte(image)
    image.load()
    if other is None:
        return image, ""
    colours = image.convert("RGB") if image.mode == "RGBA" else image
    top = np.max(colours.getextrema())
    if top >= 1 << (DEPTHS[-1] - 8):
        return image, ""
    lower = cast(ImageFile.ImageFile, again())
    lower.tile = other
    values = (np.asarray(image)[..., :3].astype(np.uint16) << 8) + np.asarray(lower)[..., :3]
    found, remark = to_bytes(values)
    if image.mode == "RGBA":
        found.putalpha(image.getchannel("A"))
    return found, remark


def _other_byte(image: Image.Image) -> list | None:
    """Where the file has 16 bits a colour: the tiles that read their lower bytes."""
    tiles = []
    for tile in getattr(image, "tile", ()):
        mode, rest = (tile.args, None) if isinstance(tile.args, str) else (tile.args[0], tile.args[1:])
        colours, _, bits = str(mode).partition(";")
        if colours not in ("RGB", "RGBA") or bits not in OTHER_BYTE:
            return None
        other = f"{colours};{OTHER_BYTE[bits]}"
        tiles.append(tile._replace(args=other if rest is None else (other, *rest)))
    return tiles or None


def _integer_range(values: np.ndarray) -> tuple[float, float]:
    low, high = int(values.min()), int(values.max())
    if low >= 0 and high <= 65535:
        return 0, next((top for bits in DEPTHS if high <= (top := (1 << bits) - 1)), 65535)
    return min(low, 0), high


def _float_range(values: np.ndarray) -> tuple[float, float]:
    sample = values.ravel()[:: max(1, values.size // SAMPLED)]
    numbers = sample[np.isfinite(sample)]
    if not numbers.size:
        raise PhotoError("the photo's values are no numbers", expected="some that are finite")
    low, high = (float(part) for part in np.percentile(numbers, (OUTLIERS, 100 - OUTLIERS)))
    if high <= low:
        low, high = float(numbers.min()), float(numbers.max())
    if low < -high / 20:
        return low, high if high > low else low + 1
    usual = (top for top in (1, 255, 1023, 4095, 16383, 65535) if top / 4 <= high <= top)
    return 0, next(usual, 1 if high <= 1 else high)


def _scaled(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Values of any shape (H, W, ...) as uint8; what is not a number is black."""
    grey = np.empty(values.shape, np.uint8)
    factor = np.float32(255 / (high - low))
    for start in range(0, len(values), STRIP):
        strip = np.nan_to_num(values[start : start + STRIP].astype(np.float32), nan=low, posinf=high, neginf=low)
        np.clip((strip - np.float32(low)) * factor + np.float32(0.5), 0, 255, out=strip)
        grey[start : start + STRIP] = strip
    return grey
