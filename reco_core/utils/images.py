"""Reading photos safely, and making them the size a model wants."""

import io
import re
import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from reco_core.errors import PhotoError

MAX_PIXELS = 50_000_000
MIN_SIDE = 16
MAX_ASPECT = 4  # longer photos are squeezed to this for the models
ACCEPTED = "a JPEG, PNG, WebP, BMP, GIF or TIFF photo"


def read_photo(source: str | Path | bytes | Image.Image) -> np.ndarray:
    """Decode a photo to (H, W, 3) uint8 RGB, upright (EXIF), first frame, transparency on white.

    The size is checked before anything is decoded.

    Raises:
        PhotoError: missing, not an image, damaged, or outside 16 pixels .. 50 megapixels.
    """
    what = "the photo" if isinstance(source, bytes | Image.Image) else f"{Path(source).name}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # we check the size ourselves
            opened = io.BytesIO(source) if isinstance(source, bytes) else source
            image = opened if isinstance(opened, Image.Image) else Image.open(opened)
            _check_size(what, image.size)
            return np.ascontiguousarray(_to_rgb(ImageOps.exif_transpose(image)))
    except FileNotFoundError as error:
        raise PhotoError("the photo does not exist", given=source, remedy="Check the path") from error
    except IsADirectoryError as error:
        raise PhotoError("a folder was given as a photo", given=source, expected=ACCEPTED) from error
    except Image.DecompressionBombError as error:
        pixels = re.search(r"\d+", str(error))  # Pillow refuses the largest by itself and tells their pixels
        given = f"{int(pixels[0]) / 1e6:.0f} megapixels" if pixels else error
        raise _too_large(what, given) from error
    except UnidentifiedImageError as error:
        raise PhotoError(f"{what} is not an image", expected=ACCEPTED) from error
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError) as error:
        raise PhotoError(f"{what} is damaged or cut short", given=error, remedy="Save or upload it again") from error


def _check_size(what: str, size: tuple[int, int]) -> None:
    given = f"{size[0]} x {size[1]} pixels"
    if size[0] * size[1] > MAX_PIXELS:
        raise _too_large(what, given)
    if min(size) < MIN_SIDE:
        raise PhotoError(f"{what} is too small", given=given, expected=f"at least {MIN_SIDE} pixels on each side")


def _too_large(what: str, given: object) -> PhotoError:
    expected = f"at most {MAX_PIXELS // 1_000_000} megapixels"
    return PhotoError(f"{what} is too large", given=given, expected=expected, remedy="Scale it down first")


def _to_rgb(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I") or image.mode == "F":  # 16 bits and more: scale to 8
        values = np.asarray(image, dtype=np.float64)
        top = 65535 if values.max() > 255 else 255
        grey = np.clip(values * (255 / top), 0, 255).round().astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=-1)
    if "transparency" in image.info or "A" in image.getbands():
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.asarray(image.convert("RGB"))


def limit_size(photo: np.ndarray, long_side: int) -> np.ndarray:
    """Shrink (never enlarge) so that the long side is at most `long_side`; aspect kept."""
    height, width = photo.shape[:2]
    ratio = long_side / max(height, width)
    if ratio >= 1:
        return photo
    size = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    return np.asarray(Image.fromarray(photo).resize(size, Image.Resampling.BICUBIC))


def resize_labels(labels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A label map (H, W) uint8 at another (height, width), by nearest neighbour: no new labels."""
    if labels.shape == size:
        return labels
    return np.asarray(Image.fromarray(labels).resize((size[1], size[0]), Image.Resampling.NEAREST))


def model_size(height: int, width: int, short_side: int, patch: int) -> tuple[int, int]:
    """Height and width for a model: short side as asked, aspect kept up to 4, multiples of the patch."""
    short = max(patch, round(short_side / patch) * patch)
    aspect = min(MAX_ASPECT, max(height, width) / min(height, width))
    long = max(patch, round(short_side * aspect / patch) * patch)
    return (long, short) if height > width else (short, long)


def to_tensor(
    photo: np.ndarray,
    size: tuple[int, int],
    mean: tuple[float, ...],
    std: tuple[float, ...],
    resample: int = Image.Resampling.BICUBIC,
) -> Tensor:
    """Resize to (height, width) and normalise: (3, height, width) float32."""
    resized = Image.fromarray(photo).resize((size[1], size[0]), resample)
    # There are only 256 values: a table is quicker than arithmetic, and keeps torch's threads for the models.
    values = np.arange(256, dtype=np.float32) / np.float32(255)
    tables = (values - np.array(mean, np.float32)[:, None]) / np.array(std, np.float32)[:, None]
    pixels = np.asarray(resized)
    return torch.from_numpy(np.stack([table[pixels[..., i]] for i, table in enumerate(tables)]))


def centre_crop(photo: np.ndarray) -> np.ndarray:
    """The largest centred square: what the archive sees of a photo."""
    height, width = photo.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return photo[top : top + side, left : left + side]
