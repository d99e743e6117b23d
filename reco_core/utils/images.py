"""Reading photos safely, and making them the size a model wants."""

import io
import logging
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError
from pillow_heif import register_heif_opener

from reco_core.errors import PhotoError
from reco_core.utils.bare_files import TIFF, Bare, bare, orientation
from reco_core.utils.colour_profiles import to_srgb
from reco_core.utils.large_photos import decode_for, decode_smaller, most_pixels, reduced
from reco_core.utils.odd_tiffs import read_odd_tiff
from reco_core.utils.pixel_values import has_other_values, to_bytes, values_of, with_all_bits

log = logging.getLogger("reco_core")
register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)

MAX_PIXELS = 50_000_000
MIN_SIDE = 16
MAX_ASPECT = 4  # longer photos are squeezed to this for the models
MAX_BYTES = 1_000_000_000
ACCEPTED = "a JPEG, PNG, WebP, HEIC, AVIF, BMP, GIF or TIFF photo"
FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "BMP", "GIF", "TIFF")  # nothing else reaches a decoder
PLANES, BITS = 284, 258  # tags of TIFFs
ORIENTATION = ExifTags.Base.Orientation
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
LAID_DOWN = frozenset(TURNS[tag] for tag in (5, 6, 7, 8))  # turns that make width of height


def read_photo(source: str | Path | bytes | Image.Image, name: str = "") -> np.ndarray:
    """Decode a photo to (H, W, 3) uint8 sRGB, upright (EXIF), first frame, transparency on white.

    Sizes are checked before anything is decoded.

    name: what the log calls it, by default as its file.

    Raises:
        PhotoError: missing, not an image, damaged, or outside 16 pixels .. 50 megapixels.
    """
    return read_with_remarks(source, name)[0]


def read_small(source: str | Path | bytes, side: int, name: str = "") -> tuple[np.ndarray, tuple[int, int]]:
    """A photo as `read_photo` gives it, for who looks at it at that side, and its own (height, width).

    A large JPEG is decoded smaller (`large_photos.decode_for`), its short side still twice that; others as they are.

    Raises:
        PhotoError: as there.
    """
    read = _read(source, name, side=side)
    return read.photo, read.size


def read_with_remarks(
    source: str | Path | bytes | Image.Image, name: str = "", *, reduce: bool = False
) -> tuple[np.ndarray, tuple[str, ...]]:
    """A photo as `read_photo` gives it, and what had to be chosen: which values are white, which frame it is.

    The remarks are logged, too.

    reduce: more than 50 megapixels are made fewer, if they can be held at all.

    Raises:
        PhotoError: as there.
    """
    read = _read(source, name, reduce=reduce)
    return read.photo, read.remarks


class _Read(NamedTuple):
    """size: (height, width) of the photo as its file has it, upright."""

    photo: np.ndarray
    remarks: tuple[str, ...]
    size: tuple[int, int]


def _read(
    source: str | Path | bytes | Image.Image, name: str, *, reduce: bool = False, side: int | None = None
) -> _Read:
    what = "the photo" if isinstance(source, bytes | Image.Image) else Path(source).name
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sizes, which we check, and of metadata, which we do not need
            if isinstance(source, Image.Image):
                read = _decoded(what, source, reduce, side)
            else:
                data = source if isinstance(source, bytes) else _bytes(Path(source))
                read = _decoded(what, bare(data), reduce, side)
    except PhotoError:
        raise
    except FileNotFoundError as error:
        raise PhotoError("the photo does not exist", given=source, remedy="Check the path") from error
    except IsADirectoryError as error:
        raise PhotoError("a folder was given as a photo", given=source, expected=ACCEPTED) from error
    except Image.DecompressionBombError as error:
        pixels = re.search(r"\d+", str(error))  # Pillow refuses the largest by itself and tells their pixels
        given = f"{int(pixels[0]) / 1e6:.0f} megapixels" if pixels else error
        raise _too_large(what, given) from error
    except UnidentifiedImageError as error:
        raise PhotoError(f"{what} is not an image of a kind that is read", expected=ACCEPTED) from error
    except Exception as error:  # decoders raise all there is: RuntimeError, struct.error, TypeError, ...
        log.info("%s: %s", name or what, error)
        raise PhotoError(f"{what} is damaged or cut short", remedy="Save or upload it again") from error
    for remark in read.remarks:
        log.info("%s: %s", name or what, remark)
    return read


def _bytes(file: Path) -> bytes:
    if (size := file.stat().st_size) > MAX_BYTES:
        raise _too_large(file.name, f"{size / 1e6:,.0f} MB", f"at most {MAX_BYTES / 1e6:,.0f} MB")
    return file.read_bytes()


def _decoded(what: str, source: Bare | Image.Image, reduce: bool, side: int | None) -> _Read:
    def opened() -> Image.Image:
        return source if isinstance(source, Image.Image) else Image.open(io.BytesIO(source.data), formats=FORMATS)

    if isinstance(source, Bare) and source.data.startswith(TIFF) and not _known_to_pillow(opened):
        odd = read_odd_tiff(source.data, lambda size: _check_size(what, size))
        loaded, remark = to_bytes(odd.values)
        loaded.info["icc_profile"] = odd.profile
        return _finished(loaded, TURNS.get(odd.orientation), 1 if odd.pages > 1 else 0, remark)
    image = opened()
    most, pixels = most_pixels(image) if reduce else MAX_PIXELS, image.width * image.height
    _check_size(what, image.size, most)
    own = image.size
    decode_smaller(image, MAX_PIXELS)
    if side is not None:
        decode_for(image, side)
    smaller = image.size != own
    loaded, remark = to_bytes(values_of(image)) if has_other_values(image) else with_all_bits(image, opened)
    _check_size(what, loaded.size, most)  # some files say another size than they have
    exif = source.exif if isinstance(source, Bare) else b""
    frame = image.tell() + 1 if getattr(image, "is_animated", False) else 0
    turn, loaded, scaled = _turn(image, exif), _with_info(loaded, image), ""
    if pixels > MAX_PIXELS:
        loaded = _with_info(reduced(_in_colours(loaded), MAX_PIXELS), image)
        scaled = f"the photo has {pixels / 1e6:.0f} megapixels; it was scaled down to at most {MAX_PIXELS / 1e6:.0f}"
    read = _finished(loaded, turn, frame, scaled, remark)
    return read._replace(size=own if turn in LAID_DOWN else own[::-1]) if smaller else read


def _known_to_pillow(opened: Callable[[], Image.Image]) -> bool:
    try:
        tags = getattr(opened(), "tag_v2", {})
    except UnidentifiedImageError:
        return False
    return tags.get(PLANES) != 2 or set(tags.get(BITS, ())) == {8}  # of planes with more bits it makes noise


def _finished(image: Image.Image, turn: Image.Transpose | None, frame: int, *remarks: str) -> _Read:
    """frame: which one of several it is, from 1; 0 if it is the only one."""
    taken = f"there are several frames or pages; number {frame} was taken" if frame else ""
    upright = image if turn is None else image.transpose(turn)
    photo = np.ascontiguousarray(_to_rgb(upright))
    return _Read(photo, tuple(filter(None, (*remarks, taken))), (photo.shape[0], photo.shape[1]))


def _turn(image: Image.Image, exif: bytes) -> Image.Transpose | None:
    """How to turn a loaded image upright; its other metadata may be anything."""
    try:
        return TURNS.get(orientation(exif or image.info.get("exif", b"")) or int(image.getexif().get(ORIENTATION, 1)))
    except Exception:  # an Exif block that is no such thing says nothing
        return None


def _check_size(what: str, size: tuple[int, int], most: int = MAX_PIXELS) -> None:
    given = f"{size[0]} x {size[1]} pixels"
    if size[0] * size[1] > most:
        raise _too_large(what, given, f"at most {most // 1_000_000} megapixels")
    if min(size) < MIN_SIDE:
        raise PhotoError(f"{what} is too small", given=given, expected=f"at least {MIN_SIDE} pixels on each side")


def _too_large(what: str, given: object, expected: str = f"at most {MAX_PIXELS // 1_000_000} megapixels") -> PhotoError:
    return PhotoError(f"{what} is too large", given=given, expected=expected, remedy="Scale it down first")


def _in_colours(image: Image.Image) -> Image.Image:
    if "transparency" in image.info or image.mode == "PA":
        return _with_info(image if image.mode == "RGBA" else image.convert("RGBA"), image)
    return _with_info(image.convert("RGB"), image) if image.mode in ("P", "1") else image


def _to_rgb(image: Image.Image) -> np.ndarray:
    image = to_srgb(_in_colours(image))
    if "A" in image.getbands():
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    if image.mode == "L":  # in a third of the memory that Pillow takes
        return np.repeat(np.asarray(image)[..., None], 3, axis=-1)
    return np.asarray(image.convert("RGB"))


def _with_info(image: Image.Image, of: Image.Image) -> Image.Image:
    image.info = of.info
    return image


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


def centre_crop(photo: np.ndarray) -> np.ndarray:
    """The largest centred square: what the archive sees of a photo."""
    height, width = photo.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return photo[top : top + side, left : left + side]
