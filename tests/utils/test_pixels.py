"""Whatever people hand in as a photo is that photo, or an error that says what is expected."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from reco_core.errors import PhotoError
from reco_core.utils.pixels import as_photo

RGB = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
RGB[0, 0] = 255
GREY = RGB[..., 0]
FILE = io.BytesIO()
Image.fromarray(RGB).save(FILE, "PNG")


def test_a_photo_stays_what_it_is():
    assert as_photo(RGB) is RGB


@pytest.mark.parametrize(
    "given",
    [
        RGB.transpose(2, 0, 1),
        RGB[None],
        RGB.transpose(2, 0, 1)[None],
        RGB.tolist(),
        RGB.astype(np.int64),
        RGB.astype(np.uint16),
        RGB.astype(np.uint16) * 257,
        RGB.astype(np.float32),
        RGB / 255,
        (RGB / 255).astype(np.float16),
        torch.from_numpy(RGB),
        torch.from_numpy(RGB / 255).permute(2, 0, 1).requires_grad_(),
        np.dstack([RGB, np.full_like(GREY, 255)]),
        Image.fromarray(RGB),
        FILE.getvalue(),
    ],
)
def test_other_forms_are_the_same_photo(given):
    made = as_photo(given)
    assert (made.dtype, made.shape) == (np.uint8, RGB.shape)
    np.testing.assert_array_equal(made, RGB)


def test_paths_are_read(tmp_path):
    (tmp_path / "a.png").write_bytes(FILE.getvalue())
    np.testing.assert_array_equal(as_photo(tmp_path / "a.png"), RGB)
    np.testing.assert_array_equal(as_photo(str(tmp_path / "a.png")), RGB)


@pytest.mark.parametrize("given", [GREY, GREY[..., None], GREY[None], GREY / 255])
def test_grey_gets_three_channels(given):
    np.testing.assert_array_equal(as_photo(given), np.dstack([GREY] * 3))


def test_what_is_transparent_is_white():
    half = np.dstack([RGB, np.where(np.arange(30) < 15, 0, 255)[None].repeat(20, 0).astype(np.uint8)])
    for given in (half, half / 255, half.transpose(2, 0, 1)):
        made = as_photo(given)
        assert (made[:, :15] == 255).all()
        np.testing.assert_array_equal(made[:, 15:], RGB[:, 15:])


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_whole_numbers_are_ranged_by_what_they_hold(bits):
    given = np.round(RGB.astype(float) * (2**bits - 1) / 255).astype(np.uint16)
    np.testing.assert_array_equal(as_photo(given), RGB)


def test_truth_is_white():
    assert set(np.unique(as_photo(GREY > 127))) == {0, 255}


def test_floats_that_a_filter_left_beyond_their_range_are_clipped():
    given = RGB / 255
    given[0, 0], given[0, 1] = 1.04, -0.03
    made = as_photo(given)
    assert (made[0, 0] == 255).all()
    assert (made[0, 1] == 0).all()
    np.testing.assert_array_equal(made[1:], RGB[1:])


@pytest.mark.filterwarnings("error")
def test_what_is_not_finite_is_black_and_ignored():
    given = RGB / 255
    given[3, 4], given[5, 6] = np.nan, np.inf
    made = as_photo(given)
    assert (made[3, 4] == 0).all()
    assert (made[5, 6] == 0).all()
    np.testing.assert_array_equal(made[6:], RGB[6:])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "not a photo.*NoneType.*Expected: an array"),
        (7, r"shape of a photo.*shape \(\)"),
        ({}, "not a photo"),
        ([[1, 2], [3]], "not a photo.*list"),
        ([], r"shape of a photo.*\(0,\)"),
        (np.zeros((0, 0, 3), np.uint8), r"empty.*\(0, 0, 3\)"),
        (np.zeros((0, 30), np.uint8), "empty"),
        (np.zeros((20, 30, 2), np.uint8), r"shape of a photo.*\(20, 30, 2\).*\(H, W, 3\) uint8 RGB"),
        (np.zeros((2, 20, 30, 3), np.uint8), r"shape of a photo.*\(2, 20, 30, 3\)"),
        (np.zeros(900, np.uint8), "shape of a photo"),
        (np.zeros((15, 30, 3), np.uint8), "too small.*at least 16"),
        (np.broadcast_to(np.uint8(0), (8000, 8000, 3)), "too large.*50 megapixels"),
        (np.zeros((20, 30, 3), complex), "not a photo.*complex128"),
        (np.full((20, 30, 3), "a"), "not a photo"),
        (np.full((20, 30, 3), None), "not a photo.*object"),
        (np.full((20, 30, 3), np.nan), "no finite values"),
        (np.full((20, 30, 3), -2.0), "out of range.*-2 to -2.*normalisation"),
        (RGB / 255 * 5 - 2.5, "out of range"),
        (RGB / 255 * 4, "out of range.*0 to 4"),
        (np.full((20, 30, 3), 1e6), "out of range"),
        (np.full((20, 30, 3), -1), "out of range"),
        (np.full((20, 30, 3), 70_000), "out of range"),
        (torch.zeros(2, 3, 20, 30), r"shape of a photo.*\(2, 3, 20, 30\)"),
        ("", "photo"),
        ("/none/such.jpg", "does not exist"),
        (b"", "not an image"),
        (Image.new("RGB", (4, 4)), "too small"),
    ],
)
def test_all_else_is_refused_with_what_is_expected(given, said):
    with pytest.raises(PhotoError, match=said):
        as_photo(given)
