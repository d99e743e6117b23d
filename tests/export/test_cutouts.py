"""Things cut out of a photo."""

import numpy as np
import pytest

from reco_core.export.cutouts import cut_out, smooth_edge


@pytest.fixture
def disc() -> np.ndarray:
    """A disc of radius 60 around (100, 150), as a mask (200, 300)."""
    y, x = np.indices((200, 300))
    return np.hypot(y - 100, x - 150) < 60


def test_a_cut_out_is_cropped_and_holds_the_photo_and_nothing_of_the_rest(disc):
    photo = np.random.default_rng(1).integers(1, 255, (200, 300, 3), np.uint8)
    cut = cut_out(photo, disc)
    top, left = 41 - 3, 91 - 3  # the margin
    assert cut.shape == (119 + 6, 119 + 6, 4)
    there = photo[top : top + 125, left : left + 125]
    seen = cut[..., 3] > 0
    np.testing.assert_array_equal(cut[seen, :3], there[seen])
    assert not cut[~seen].any()
    assert not cut[0].any() and not cut[:, -1].any()
    assert cut[62, 62, 3] == 255


def test_edges_are_smooth_and_where_they_were(disc):
    alpha = smooth_edge(disc, 1.0) / 255
    assert 200 < ((alpha > 0.02) & (alpha < 0.98)).sum() < 1500
    assert abs(alpha.sum() - disc.sum()) < 0.01 * disc.sum()
    far = np.abs(np.hypot(*(np.indices(disc.shape) - np.array([100, 150])[:, None, None])) - 60) > 4
    np.testing.assert_array_equal(alpha[far], disc[far])


def test_stairs_of_large_photos_are_smoothed():
    """Labels of 640 steps, enlarged eight times: along a slanted edge the alpha follows the line, not the stairs."""
    y, x = np.indices((640, 640))
    stairs = np.repeat(np.repeat(x + y < 640, 8, 0), 8, 1)[2000:3000, 2000:3000]
    y, x = np.indices(stairs.shape)
    line = x + y < 640 * 8 + 4 - 4000  # through the middle of the stairs
    inner = np.s_[100:-100, 100:-100]
    smooth = smooth_edge(stairs, 8.0)[inner] > 127
    assert (smooth != line[inner]).mean() < 0.3 * (stairs != line)[inner].mean()


def test_a_thing_at_the_border_is_not_cut_off_there():
    assert (smooth_edge(np.ones((20, 30), bool), 4.0) == 255).all()
    assert cut_out(np.full((20, 30, 3), 7, np.uint8), np.ones((20, 30), bool)).shape == (20, 30, 4)


def test_nothing_is_cut_out_of_nothing():
    assert cut_out(np.zeros((5, 5, 3), np.uint8), np.zeros((5, 5), bool)) is None
