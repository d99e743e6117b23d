"""Photos as cameras, phones, scanners and instruments write them: metadata, values, colours and frames of any kind."""

import io
import logging
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import AvifImagePlugin, Image, ImageCms, PngImagePlugin

from reco_core.errors import PhotoError
from reco_core.utils.images import read_photo, read_with_remarks

SLOPE = np.linspace(0, 1, 64 * 64).reshape(64, 64)
COLOURS = np.dstack([SLOPE, SLOPE[::-1] / 2, SLOPE.T])
EIGHT_BITS = (COLOURS * 255).round().astype(np.uint8)


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def tiff(values: np.ndarray, **options) -> bytes:
    out = io.BytesIO()
    tifffile.imwrite(out, values, photometric="rgb" if values.ndim == 3 else "minisblack", **options)
    return out.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def png_of_16_bits(values: np.ndarray) -> bytes:
    """(H, W, 3) as Pillow cannot write it."""
    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, 2, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def exif_with(*entries: bytes) -> bytes:
    """An Exif block: orientation 6, and entries of 12 bytes."""
    turned = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0)
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 1 + len(entries)) + turned + b"".join(entries) + bytes(4)


ODD_ENTRIES = {
    "a resolution that is text": struct.pack("<HHI4s", 0x011A, 2, 3, b"72\0"),
    "a copyright that is a float": struct.pack("<HHIf", 0x8298, 11, 1, 1.5),
    "a negative unit": struct.pack("<HHIhh", 0x0128, 8, 1, -2, 0),
    "an undefined resolution": struct.pack("<HHI4s", 0x011A, 7, 4, b"abcd"),
    "a value far outside": struct.pack("<HHII", 0x010E, 2, 70_000, 0xFFFFFFF0),
    "a type that is none": struct.pack("<HHII", 0x010E, 99, 1, 1),
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("entry", ODD_ENTRIES.values(), ids=ODD_ENTRIES)
def test_odd_metadata_leaves_pixels_and_orientation(cat, kind, entry):
    photo = read_photo(encoded(Image.fromarray(cat), kind, exif=exif_with(entry)))
    assert photo.shape == (cat.shape[1], cat.shape[0], 3)
    assert np.abs(photo.astype(int) - np.rot90(cat, -1)).mean() < 8


@pytest.mark.parametrize("tags", [[(282, 2, 3, "72", True), (296, 3, 1, 3, True)], [(33432, 11, 1, 1.5, True)]])
def test_odd_metadata_of_a_tiff(tags):
    data = tiff(EIGHT_BITS[:32], extratags=[*tags, (274, 3, 1, 6, True)], metadata=None)
    np.testing.assert_array_equal(read_photo(data), np.rot90(EIGHT_BITS[:32], -1))


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
def test_photos_of_phones(cat, kind):
    """Odd metadata is put into the file afterwards: writers stumble over it, too."""
    small = cat[100:200, 100:250]
    text = struct.pack("<HHI4s", 0x010E, 2, 3, b"72\0")
    data = encoded(Image.fromarray(small), kind, quality=90, exif=exif_with(text))
    assert text in data
    odd = read_photo(data.replace(text, ODD_ENTRIES["a resolution that is text"]))
    assert odd.shape == (150, 100, 3)  # their containers say how they are turned, too
    assert np.abs(odd.astype(int) - np.rot90(small, -1)).mean() < 6
    plain = read_photo(encoded(Image.fromarray(small), kind, quality=90))
    assert np.abs(plain.astype(int) - small).mean() < 6


def test_much_text_in_a_png():
    said = PngImagePlugin.PngInfo()
    said.add_text("a", "a" * 3_000_000, zip=True)
    said.add_itxt("b", "b" * 70_000_000, zip=True)
    np.testing.assert_array_equal(read_photo(encoded(Image.fromarray(EIGHT_BITS), "PNG", pnginfo=said)), EIGHT_BITS)


def test_whatever_a_decoder_raises_is_a_photo_error(monkeypatch):
    data = encoded(Image.fromarray(EIGHT_BITS), "AVIF")
    monkeypatch.setattr(AvifImagePlugin.AvifImageFile, "load", lambda self: {}[0] / "no")
    with pytest.raises(PhotoError, match="damaged"):
        read_photo(data)
    with pytest.raises(PhotoError):
        read_photo(data[:200] + bytes(100) + data[300:])


@pytest.mark.parametrize("kind", ["PPM", "JPEG2000", "ICO", "TGA"])
def test_only_the_promised_formats_are_decoded(kind):
    with pytest.raises(PhotoError, match=r"not an image of a kind that is read.*HEIC"):
        read_photo(encoded(Image.fromarray(EIGHT_BITS), kind))


@pytest.mark.parametrize(
    ("values", "white"),
    [
        (SLOPE.astype(np.float32), 1),
        (SLOPE, 1),
        (SLOPE.astype(np.float16), 1),
        (COLOURS.astype(np.float32), 1),
        (COLOURS, 1),
        ((SLOPE * 255).astype(np.float32), 255),
        ((SLOPE * 4095).astype(np.uint16), 4095),
        ((SLOPE * 1000).astype(np.uint16), 1023),
        ((COLOURS * 4095).astype(np.uint16), 4095),
        ((COLOURS * 4095).astype(">u2"), 4095),
        ((SLOPE * 100_000).astype(np.int32), 100_000),
        ((SLOPE * (2**32 - 1)).astype(np.uint32), 2**32 - 1),
    ],
    ids=lambda given: f"{given.dtype}-{given.ndim}" if isinstance(given, np.ndarray) else str(given),
)
def test_the_range_of_values_is_taken_from_the_data(values, white):
    photo, remarks = read_with_remarks(tiff(values, byteorder=values.dtype.byteorder.replace("|", "=")))
    expected = np.dstack([values] * 3) if values.ndim == 2 else values
    assert np.abs(photo - np.clip(expected / white * 255.0, 0, 255)).max() <= 1
    assert len(remarks) == 1
    assert f"{white:,.6g}" in remarks[0]


def test_colours_of_twelve_bits_in_a_png():
    photo, remarks = read_with_remarks(png_of_16_bits(COLOURS * 4095))
    assert np.abs(photo - COLOURS * 255).max() <= 1
    assert "4,095" in remarks[0]
    assert read_with_remarks(png_of_16_bits(COLOURS * 65535))[1] == ()


def test_planes_of_sixteen_bits():
    planes = np.moveaxis(COLOURS * 65535, -1, 0).astype(np.uint16)
    assert np.abs(read_photo(tiff(planes, planarconfig="separate")) - COLOURS * 255).max() <= 1


def test_what_is_no_number_is_ignored(recwarn):
    values = SLOPE.astype(np.float32).copy()
    values[:2] = np.nan
    values[2, :9], values[3, :9] = np.inf, -np.inf
    photo = read_photo(tiff(values))[..., 0]
    assert (photo[:2] == 0).all()
    assert (photo[2, :9] == 255).all()
    assert (photo[3, :9] == 0).all()
    assert np.abs(photo[4:] - values[4:] * 255).max() <= 1
    assert not recwarn
    with pytest.raises(PhotoError, match="no numbers"):
        read_photo(tiff(np.full((32, 32), np.nan, np.float32)))


def test_a_few_values_beyond_white_do_not_darken_a_photo():
    values = SLOPE.astype(np.float32).copy()
    values[0, 0] = 1e6
    assert np.abs(read_photo(tiff(values))[1:, :, 0] - values[1:] * 255).max() <= 1


def profile(**swapped: bytes) -> bytes:
    """sRGB's profile, with names of its entries exchanged."""
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return made.replace(b"rXYZ", b"temp").replace(b"gXYZ", b"rXYZ").replace(b"temp", b"gXYZ") if swapped else made


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "HEIF"])
def test_colours_are_as_the_profile_says(kind):
    image = Image.new("RGB", (64, 64), (220, 40, 30))
    options = {"quality": -1, "chroma": 444} if kind == "HEIF" else {}
    seen = read_photo(encoded(image, kind, icc_profile=profile(rXYZ=b"gXYZ"), **options))[32, 32].astype(int)
    assert np.abs(seen - (40, 220, 30)).max() <= 3  # red stands for green, and green for red
    same = read_photo(encoded(image, kind, icc_profile=profile(), **options))[32, 32].astype(int)
    assert np.abs(same - (220, 40, 30)).max() <= (2 if kind == "HEIF" else 0)


def test_a_profile_leaves_transparency_and_other_modes(cat):
    image = Image.new("RGBA", (64, 64), (220, 40, 30, 255))
    image.paste((0, 0, 0, 0), (0, 0, 32, 64))
    photo = read_photo(encoded(image, "PNG", icc_profile=profile(rXYZ=b"gXYZ")))
    assert (photo[:, :32] == 255).all()
    assert photo[0, 60, 1] > 200
    cmyk = Image.fromarray(cat).convert("CMYK")
    with_one, without = (read_photo(encoded(cmyk, "TIFF", **said)) for said in ({"icc_profile": profile()}, {}))
    np.testing.assert_array_equal(with_one, without)


@pytest.mark.parametrize(
    "broken", [b"no profile", profile()[:200], profile()[:128] + bytes(3000)], ids=["no profile", "cut", "zeros"]
)
def test_a_broken_profile_is_ignored(broken):
    np.testing.assert_array_equal(
        read_photo(encoded(Image.fromarray(EIGHT_BITS), "PNG", icc_profile=broken)), EIGHT_BITS
    )


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "WEBP"])
def test_which_of_several_frames_was_taken_is_told(kind, caplog, tmp_path):
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    file = tmp_path / "several.bin"
    file.write_bytes(encoded(frames[0], kind, save_all=True, append_images=frames[1:]))
    with caplog.at_level(logging.INFO, logger="reco_core"):
        photo, remarks = read_with_remarks(file)
    assert photo[5, 5, 0] > 240
    assert "number 1" in remarks[0]
    assert f"several.bin: {remarks[0]}" in caplog.text
    assert read_with_remarks(encoded(frames[0], kind))[1] == ()
