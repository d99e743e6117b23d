"""Whatever a user may upload: read it, or say clearly why not."""

import io
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile

from reco_core.errors import PhotoError
from reco_core.utils.images import centre_crop, limit_size, model_size, read_photo
from reco_core.utils.tensors import to_tensor


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def huge_png(side: int) -> bytes:
    """A valid-looking PNG header that promises side x side pixels and holds none."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = side.to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_plain_photo(cat):
    np.testing.assert_array_equal(read_photo(encoded(Image.fromarray(cat), "PNG")), cat)


def test_path_and_image(cat, tmp_path):
    Image.fromarray(cat).save(tmp_path / "cat.png")
    np.testing.assert_array_equal(read_photo(tmp_path / "cat.png"), cat)
    np.testing.assert_array_equal(read_photo(Image.fromarray(cat)), cat)


@pytest.mark.parametrize("mode", ["CMYK", "L", "P", "1"])
def test_other_colour_modes_look_the_same(cat, mode):
    kind = "TIFF" if mode == "CMYK" else "PNG"
    image = Image.fromarray(cat)
    photo = read_photo(encoded(image.convert(mode), kind))
    assert photo.shape == cat.shape
    assert photo.dtype == np.uint8
    expected = np.asarray(image.convert("L").convert("RGB") if mode in ("L", "1") else image)
    assert np.abs(blocks(photo) - blocks(expected)).max() < (1 if mode in ("CMYK", "L") else 25)  # others are dithered


def blocks(photo: np.ndarray) -> np.ndarray:
    """Means of squares of ten pixels, as an eye sees dots from afar."""
    height, width = (length // 10 * 10 for length in photo.shape[:2])
    return photo[:height, :width].reshape(height // 10, 10, width // 10, 10, 3).mean((1, 3))


def test_sixteen_bits_are_scaled():
    values = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    photo = read_photo(encoded(Image.fromarray(values), "PNG"))
    np.testing.assert_allclose(photo[..., 0], values / 257, atol=1)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_becomes_white(mode):
    image = Image.new("RGBA", (32, 32), (200, 0, 0, 255))
    image.paste((0, 0, 0, 0), (0, 0, 16, 32))
    photo = read_photo(encoded(image.convert(mode), "PNG"))
    assert photo[:, :16].min() == 255
    assert photo[:, 16:].max() < 255


def test_palette_transparency_becomes_white():
    image = Image.new("P", (32, 32), 0)
    image.putpalette([10, 20, 30] * 256)
    photo = read_photo(encoded(image, "PNG", transparency=0))
    assert (photo == 255).all()


def test_exif_rotation(cat):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: rotate by 270 degrees to view
    photo = read_photo(encoded(Image.fromarray(cat), "JPEG", exif=exif, quality=95))
    assert photo.shape == (cat.shape[1], cat.shape[0], 3)
    assert np.abs(photo.astype(int) - np.rot90(cat, -1)).mean() < 4


def test_first_frame_of_an_animation():
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    photo = read_photo(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert tuple(photo[0, 0]) == (255, 0, 0)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"this is text, not a photo", "not an image"),
        (b"", "not an image"),
        (encoded(Image.new("RGB", (1, 1)), "PNG"), "too small"),
        (encoded(Image.new("RGB", (500, 3)), "PNG"), "too small"),
    ],
)
def test_unusable_files(data, says):
    with pytest.raises(PhotoError, match=says):
        read_photo(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_cut_short(cat, kind):
    data = encoded(Image.fromarray(cat), kind)
    with pytest.raises(PhotoError, match="damaged or cut short"):
        read_photo(data[: len(data) // 2])


@pytest.mark.parametrize("side", [8_000, 12_000, 20_000, 100_000])
def test_huge_photos_are_refused_before_they_are_decoded(side, monkeypatch):
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("it was decoded"))
    with pytest.raises(PhotoError, match=r"too large.*50 megapixels"):
        read_photo(huge_png(side))


def test_the_least_photo_is_read():
    assert read_photo(encoded(Image.new("RGB", (16, 16)), "PNG")).shape == (16, 16, 3)
    for size in ((15, 16), (16, 15)):
        with pytest.raises(PhotoError, match=r"too small.*at least 16 pixels"):
            read_photo(encoded(Image.new("RGB", size), "PNG"))


def test_missing_and_folder(tmp_path):
    with pytest.raises(PhotoError, match="does not exist"):
        read_photo(tmp_path / "none.jpg")
    with pytest.raises(PhotoError, match="folder"):
        read_photo(tmp_path)


def test_sizes():
    assert model_size(480, 640, 224, 16) == (224, 304)
    assert model_size(640, 480, 224, 16) == (304, 224)
    assert model_size(100, 10_000, 224, 16) == (224, 896)
    assert model_size(16, 16, 5, 16) == (16, 16)


def test_limits_crops_and_normalisation(cat):
    assert limit_size(cat, 100).shape == (67, 100, 3)
    assert limit_size(cat, 1000) is cat
    for size, thin in (((16, 50_000), (1, 640)), ((50_000, 16), (640, 1))):
        assert limit_size(np.zeros((*size, 3), np.uint8), 640).shape == (*thin, 3)
    crop = centre_crop(cat)
    assert crop.shape == (300, 300, 3)
    np.testing.assert_array_equal(crop[0, 0], cat[0, 75])
    grey = to_tensor(np.full((20, 20, 3), 51, np.uint8), (16, 32), (0.1, 0.2, 0.3), (0.5, 0.5, 0.5))
    assert grey.shape == (3, 16, 32)
    assert grey[:, 0, 0].tolist() == pytest.approx([0.2, 0.0, -0.2], abs=1e-6)
