"""Photos of too many pixels: what is made of them is what a small photo of the same kind is read as, but smaller."""

import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import ExifTags, Image

from reco_core.errors import PhotoError
from reco_core.utils import images, large_photos
from reco_core.utils.images import read_photo, read_small, read_with_remarks

Y, X = np.mgrid[0:96, 0:64]
GREY = (Y + X).astype(np.uint8)
COLOURS = np.dstack([2 * Y, 3 * X, Y + X]).astype(np.uint8)
HALF_SEEN = np.dstack([COLOURS, np.where(Y < 48, 0, 255)]).astype(np.uint8)
TURNED = Image.Exif()
TURNED[ExifTags.Base.Orientation] = 6


def palette(**options) -> tuple[Image.Image, str, dict]:
    return Image.fromarray(COLOURS).quantize(32), "PNG", options


KINDS = {
    "16-bit grey": (Image.fromarray(GREY.astype(np.uint16) * 256), "PNG", {}),
    "palette": palette(),
    "palette with a clear colour": palette(transparency=3),
    "1 bit": (Image.fromarray(GREY > 80), "PNG", {}),
    "grey": (Image.fromarray(GREY), "PNG", {}),
    "grey with a clear value": (Image.fromarray(GREY), "PNG", {"transparency": 60}),
    "transparent": (Image.fromarray(HALF_SEEN), "PNG", {}),
    "transparent grey": (Image.fromarray(HALF_SEEN).convert("LA"), "PNG", {}),
    "floats": (Image.fromarray((GREY / 160).astype(np.float32)), "TIFF", {}),
    "turned TIFF": (Image.fromarray(COLOURS), "TIFF", {"exif": TURNED}),
    "turned JPEG": (Image.fromarray(COLOURS), "JPEG", {"exif": TURNED, "quality": 95}),
    "CMYK": (Image.fromarray(COLOURS).convert("CMYK"), "JPEG", {"quality": 95}),
}


@pytest.fixture
def few(monkeypatch):
    """As if photos had far fewer pixels."""
    monkeypatch.setattr(images, "MAX_PIXELS", 96 * 64 // 4)
    monkeypatch.setattr(large_photos, "MOST_PIXELS", 96 * 64)
    monkeypatch.setattr(large_photos, "JPEG_PIXELS", 96 * 64 * 2)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_comes_out_as_a_small_photo_does(kind, monkeypatch, few, tmp_path):
    image, form, options = KINDS[kind]
    file = tmp_path / f"photo.{form.lower()}"
    image.save(file, form, **options)
    with pytest.raises(PhotoError, match="too large"):
        read_photo(file)
    made, remarks = read_with_remarks(file, reduce=True)
    assert "scaled down" in remarks[0]
    assert list(tmp_path.iterdir()) == [file]  # nothing is left beside it
    monkeypatch.setattr(images, "MAX_PIXELS", 96 * 64)
    whole, small_remarks = read_with_remarks(file, reduce=True)
    assert remarks[1:] == small_remarks
    height, width = (length // 2 for length in whole.shape[:2])
    assert made.shape == (height, width, 3)
    wanted = whole.reshape(height, 2, width, 2, 3).mean((1, 3))
    assert np.abs(made - wanted).mean() < (4 if form == "JPEG" or "clear" in kind else 1)


def test_what_is_too_large_even_for_that_is_refused(few):
    out = io.BytesIO()
    Image.fromarray(np.tile(COLOURS, (2, 1, 1))).save(out, "PNG")
    with pytest.raises(PhotoError, match="too large"):
        read_with_remarks(out.getvalue(), reduce=True)


def test_a_large_photo_that_is_damaged_or_of_another_kind_is_refused(few, tmp_path):
    for form in ("PNG", "JPEG", "TIFF"):
        out = io.BytesIO()
        Image.fromarray(COLOURS).save(out, form)
        with pytest.raises(PhotoError, match="damaged"):
            read_with_remarks(out.getvalue()[: len(out.getvalue()) // 2], reduce=True)
    for form in ("EPS", "TGA", "JPEG2000", "PPM"):
        out = io.BytesIO()
        Image.fromarray(COLOURS).save(out, form)
        with pytest.raises(PhotoError, match="not an image of a kind that is read"):
            read_with_remarks(out.getvalue(), reduce=True)


def test_several_may_read_one_large_photo_at_once(few, tmp_path):
    file = tmp_path / "photo.jpg"
    Image.fromarray(COLOURS).save(file)
    with ThreadPoolExecutor(4) as pool:
        read = list(pool.map(lambda _: read_with_remarks(file, reduce=True)[0], range(12)))
    assert all(np.array_equal(one, read[0]) for one in read)


def jpeg(photo: np.ndarray, **options) -> bytes:
    out = io.BytesIO()
    Image.fromarray(photo).save(out, "JPEG", quality=92, **options)
    return out.getvalue()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_jpeg_that_is_looked_at_small_is_decoded_smaller_and_is_the_same_photo(cat, orientation):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    data = jpeg(cat, exif=exif)
    whole, (small, size) = read_photo(data), read_small(data, min(cat.shape[:2]) // 4)
    assert size == whole.shape[:2]
    assert small.shape[:2] == tuple(-(-length // 2) for length in size)
    wanted = np.asarray(Image.fromarray(whole).resize(small.shape[1::-1], Image.Resampling.BOX)).astype(float)
    assert np.abs(small - wanted).mean() < 3  # of 255; a photo that lies otherwise is 40 away


def test_what_is_no_larger_than_needed_is_decoded_as_it_is(cat):
    side, (height, width) = min(cat.shape[:2]) // 2, cat.shape[:2]
    for data in (jpeg(cat[: 2 * side + 20]), jpeg(cat), jpeg(cat[: 4 * side - 1])):
        photo, size = read_small(data, side)
        np.testing.assert_array_equal(photo, read_photo(data))
        assert size == photo.shape[:2]
    out = io.BytesIO()
    Image.fromarray(cat).save(out, "PNG")
    photo, size = read_small(out.getvalue(), 4)
    assert photo.shape[:2] == size == (height, width)


@pytest.mark.parametrize("kind", ["CMYK", "L"])
def test_other_colours_are_decoded_smaller_too(cat, kind):
    out = io.BytesIO()
    Image.fromarray(cat).convert(kind).save(out, "JPEG", quality=92)
    whole, (small, _) = read_photo(out.getvalue()), read_small(out.getvalue(), 32)
    assert small.shape[2] == 3
    assert min(small.shape[:2]) < min(whole.shape[:2])
    assert np.abs(small.mean((0, 1)) - whole.mean((0, 1))).max() < 2


def test_a_small_reading_refuses_what_a_whole_one_does(few, cat):
    for damaged in (jpeg(cat)[:900], b"", jpeg(cat)):
        with pytest.raises(PhotoError):
            read_small(damaged, 16)
