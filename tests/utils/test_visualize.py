import numpy as np
import pytest
import torch

from reco_core.utils import visualize


def test_colours_are_fixed_and_distinct():
    colours = [visualize.colour(i) for i in range(50)]
    assert colours[0] == (85, 136, 255)
    assert len(set(colours)) == 50
    assert all(0 <= channel <= 255 for c in colours for channel in c)


def test_overlay_marks_labels_and_keeps_the_rest():
    photo = np.full((10, 12, 3), 100, np.uint8)
    labels = np.zeros((10, 12), np.uint8)
    labels[:, 6:] = 2
    marked = visualize.overlay(photo, labels, 2, opacity=0.5)
    expected = (0.5 * 100 + 0.5 * np.array(visualize.colour(1))).round()
    np.testing.assert_allclose(marked[5, 9], expected, atol=1)
    assert len(set(marked[5, 2].tolist())) == 1
    assert marked[5, 5].sum() < marked[5, 4].sum()  # the outline
    np.testing.assert_array_equal(visualize.overlay(photo, labels, 2, opacity=0)[5, 9], [100, 100, 100])


def test_every_value_of_a_photo_under_every_label():
    """By the formula, pixel by pixel: also on outlines, where colours are a third as bright."""
    photo = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    labels = np.repeat(np.repeat(np.random.default_rng(1).integers(0, 4, (8, 10)), 5, 0), 5, 1).astype(np.uint8)
    painted, colours = visualize.overlay(photo, labels, 3, 0.4), visualize.palette(3).astype(float)
    for y, x in np.ndindex(labels.shape):
        label, pixel = labels[y, x], photo[y, x].astype(float)
        expected = 0.6 * pixel + 0.4 * colours[label] if label else 0.9 * pixel
        if (x < 49 and labels[y, x + 1] != label) or (y < 39 and labels[y + 1, x] != label):
            expected = 0.35 * expected
        np.testing.assert_allclose(painted[y, x], expected, atol=0.501)


@pytest.fixture
def halves() -> np.ndarray:
    """Label 1 at the left, label 2 at the right, a pixel of label 4 between."""
    labels = np.ones((120, 300), np.uint8)
    labels[:, 150:], labels[60, 150] = 2, 4
    return labels


def test_names_are_written_where_their_label_is_widest(halves):
    grey = np.full((120, 300, 3), 128, np.uint8)
    written = {}
    for texts in (("cat", ""), ("", "dog"), ("cat", "dog")):
        picture = visualize.tag(grey, halves, texts)
        assert picture.shape == grey.shape
        assert picture.dtype == np.uint8
        written[texts] = (picture != grey).any(-1)
    for texts, (first, last) in (("cat", ""), (0, 150)), (("", "dog"), (150, 300)):
        x = written[texts].nonzero()[1]
        assert first + 20 < x.mean() < last - 20
        assert first <= x.min() <= x.max() < last
        assert 0.004 < written[texts].mean() < 0.1
    np.testing.assert_array_equal(written["cat", "dog"], written["cat", ""] | written["", "dog"])
    assert (grey == 128).all()


def test_a_name_has_a_frame_in_its_labels_colour(halves):
    picture = visualize.tag(np.full((120, 300, 3), 128, np.uint8), halves, ("cat", "dog"))
    for i, half in enumerate((picture[:, :150], picture[:, 150:])):
        assert (half == visualize.colour(i)).all(-1).any()
        assert not (half == visualize.colour(1 - i)).all(-1).any()
        assert (half > 240).all(-1).any()  # the letters


def test_labels_without_pixels_or_text_get_no_name(halves):
    grey = np.full((120, 300, 3), 128, np.uint8)
    np.testing.assert_array_equal(visualize.tag(grey, halves, ("", "", "nobody")), grey)
    np.testing.assert_array_equal(visualize.tag(grey, halves, ()), grey)


@pytest.mark.parametrize("corner", [(0, 0), (0, 199), (99, 0), (99, 199)])
def test_names_are_moved_into_the_picture(corner):
    labels = np.zeros((100, 200), np.uint8)
    labels[corner] = 1
    changed = (visualize.tag(np.full((100, 200, 3), 128, np.uint8), labels, ("zebra",)) != 128).any(-1)
    y, x = changed.nonzero()
    middle = (visualize.tag(np.full((100, 200, 3), 128, np.uint8), np.ones_like(labels), ("zebra",)) != 128).any(-1)
    assert changed.sum() == middle.sum()  # all of it is there
    assert y.min() <= 2 if corner[0] == 0 else y.max() >= 97
    assert x.min() <= 2 if corner[1] == 0 else x.max() >= 197


def test_names_that_the_font_cannot_write_are_told_by_their_number(halves):
    grey = np.full((120, 300, 3), 128, np.uint8)
    np.testing.assert_array_equal(visualize.tag(grey, halves, ("猫", "犬")), visualize.tag(grey, halves, ("1", "2")))
    assert (visualize.tag(grey, halves, ("Müller", "")) != visualize.tag(grey, halves, ("Muller", ""))).any()


@pytest.mark.parametrize("shape", [(16, 16), (16, 300), (1200, 900)])
@pytest.mark.parametrize("text", ["cat", "x" * 80, "Straße 猫 🐈"])
def test_any_name_can_be_written_upon_any_photo(shape, text):
    picture = visualize.tag(np.full((*shape, 3), 128, np.uint8), np.ones(shape, np.uint8), (text,))
    assert picture.shape == (*shape, 3)
    assert (picture != 128).any()


def test_feature_picture_shows_the_parts():
    features = torch.zeros(4, 6, 8)
    features[:, :3, 0], features[:, 3:, 1] = 1, 1
    features += 0.01 * torch.randn(4, 6, 8, generator=torch.Generator().manual_seed(0))
    picture = visualize.feature_picture(features.flatten(0, 1), (4, 6)).astype(int)
    assert picture.shape == (4, 6, 3)
    assert abs(picture[:, :3, 0].mean() - picture[:, 3:, 0].mean()) > 150
    flat = visualize.feature_picture(torch.ones(24, 8), (4, 6))
    assert flat.shape == (4, 6, 3)


def test_heat_goes_from_dark_to_bright():
    picture = visualize.heat(np.array([[0.0, 0.5, 1.0]])).astype(int)
    assert picture[0, 0].sum() < picture[0, 1].sum() < picture[0, 2].sum()
    assert visualize.heat(np.zeros((2, 2))).shape == (2, 2, 3)
