"""What people hand in as a photo, made the array that models read."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from reco_core.errors import PhotoError
from reco_core.utils.images import MAX_PIXELS, MIN_SIDE, read_photo
from reco_core.utils.pixel_values import DEPTHS

CHANNELS = (1, 3, 4)  # grey, RGB, RGBA
OVERSHOOT = 0.1  # by which filters leave the range of floats
DIM = 8.0  # floats whose greatest is below this are meant to be within 0..1, and no night photo within 0..255
EXPECTED = (
    "an array (H, W, 3) uint8 RGB; also grey, RGBA, channels first, floats in 0..1 or 0..255, whole numbers up to "
    "16 bits, a PIL image, a torch tensor or a file's path"
)


def as_photo(given: Any) -> np.ndarray:
    """A photo as (H, W, 3) uint8 RGB; one that is so already is given back as it is.

    Grey gets three channels, transparency white behind it. Shapes (C, H, W) and batches of one are turned. Where a type
    does not say its range, the values do: floats within 0..1 or 0..255, whole numbers within 8, 10, 12, 14 or 16 bits.
    Values that are not finite are black. PIL images, bytes and paths go through `images.read_photo`.

    Raises:
        PhotoError: it is none of these, or outside 16 pixels a side .. 50 megapixels.
    """
    if isinstance(given, str | Path | bytes | Image.Image):
        return read_photo(given)
    values = _channels_last(_array(given))
    height, width = values.shape[:2]
    if min(height, width) < MIN_SIDE:
        raise _unfit("the photo is too small", values, f"at least {MIN_SIDE} pixels on each side")
    if height * width > MAX_PIXELS:
        raise _unfit("the photo is too large", values, f"at most {MAX_PIXELS // 1_000_000} megapixels")
    pixels = values if values.dtype == np.uint8 else _eight_bits(values)
    if pixels.shape[2] == 3:
        return pixels
    if pixels.shape[2] == 1:
        return np.repeat(pixels, 3, axis=2)
    alpha = pixels[..., 3:].astype(np.uint16)
    return ((pixels[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def _array(given: Any) -> np.ndarray:
    """What was given as an array of numbers."""
    if isinstance(given, torch.Tensor):
        given = given.detach().cpu()
        given = given.float() if given.is_floating_point() else given  # numpy has no bfloat16
    try:
        values = np.asarray(given)
    except (TypeError, ValueError, RuntimeError) as error:  # ragged lists; tensors of other frameworks
        raise PhotoError("this is not a photo", given=f"{type(given).__name__} ({error})", expected=EXPECTED) from error
    if values.dtype.kind not in "buif":
        raise PhotoError("this is not a photo", given=f"{type(given).__name__} of {values.dtype}", expected=EXPECTED)
    return values


def _channels_last(values: np.ndarray) -> np.ndarray:
    """(H, W, C) with 1, 3 or 4 channels."""
    photo = values[0] if values.ndim == 4 and len(values) == 1 else values
    if photo.ndim == 2:
        photo = photo[..., None]
    if photo.ndim == 3 and photo.shape[2] not in CHANNELS and photo.shape[0] in CHANNELS:
        photo = photo.transpose(1, 2, 0)
    if photo.ndim != 3 or photo.shape[2] not in CHANNELS:
        raise _unfit("the array has not the shape of a photo", values, EXPECTED)
    if not photo.size:
        raise _unfit("the photo is empty", values, EXPECTED)
    return photo


def _eight_bits(values: np.ndarray) -> np.ndarray:
    """Numbers of another type as uint8, see `as_photo`."""
    if values.dtype.kind == "b":
        return values.astype(np.uint8) * 255
    finite = np.isfinite(values)
    known = values if finite.all() else values[finite]
    if not known.size:
        raise _unfit("the photo has no finite values", values, EXPECTED)
    least, most = float(known.min()), float(known.max())
    if values.dtype.kind == "f":
        tops, slack = ([1.0] if most < DIM else [255.0]), OVERSHOOT
    else:
        tops, slack = [2.0**bits - 1 for bits in (*DEPTHS, 16)], 0.0
    top = next((top for top in tops if -slack * most <= least and most <= top * (1 + slack)), None)
    if top is None:
        raise PhotoError(
            "the photo's values are out of range",
            given=f"{least:g} to {most:g} ({values.dtype})",
            expected="0 to 1 or 0 to 255 for floats, 0 to 65535 for whole numbers",
            remedy="Undo any normalisation first",
        )
    scaled = np.where(finite, values, 0).astype(np.float32) * np.float32(255 / top)  # float16 has too few digits
    return scaled.clip(0, 255).round().astype(np.uint8)


def _unfit(what: str, values: np.ndarray, expected: str) -> PhotoError:
    return PhotoError(what, given=f"shape {values.shape}, {values.dtype}", expected=expected)
