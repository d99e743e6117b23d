"""TIFFs that Pillow does not know: floats in colour, of 16 and 64 bits, and other kinds that instruments write."""

import io
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tifffile

from reco_core.errors import PhotoError


class OddTiff(NamedTuple):
    """The first page. values: (H, W) or (H, W, 3), integers or floats. profile: ICC, or b""."""

    values: np.ndarray
    orientation: int
    profile: bytes
    pages: int


def read_odd_tiff(data: bytes, check: Callable[[tuple[int, int]], None]) -> OddTiff:
    """Decode it; alpha is left out.

    check: is given (width, height) before anything is decoded.

    Raises:
        PhotoError: it cannot be read.
    """
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            page = file.pages.first
            check((page.imagewidth, page.imagelength))
            if page.samplesperpixel > 4 or page.imagedepth > 1 or page.dtype is None or page.dtype.kind not in "uif":
                raise ValueError(f"{page.samplesperpixel} values of {page.dtype} a pixel")
            values = page.asarray()
            if page.samplesperpixel > 1 and page.planarconfig == tifffile.PLANARCONFIG.SEPARATE:
                values = np.moveaxis(values, 0, -1)
            if values.ndim == 3:
                values = values[..., :3] if values.shape[-1] > 2 else values[..., 0]
            profile = page.tags.valueof(34675) or b""
            return OddTiff(values, page.tags.valueof(274) or 1, profile, len(file.pages))
    except PhotoError:
        raise
    except Exception as error:  # whatever it is that tifffile raises
        remedy = "Save it as an 8-bit TIFF or PNG"
        raise PhotoError(
            "the photo is a damaged TIFF, or of a kind that is not read", given=error, remedy=remedy
        ) from error
