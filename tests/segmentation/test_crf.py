import sys
from collections.abc import Callable
from functools import cache

import numpy as np
import pydensecrf.densecrf as dcrf
import pytest
import skimage.data

from reco_core.errors import DependencyError, OptionError
from reco_core.segmentation import crf

PHOTOS = {"rocket": ["rocket", "sky", "tower"], "coffee": ["cup", "spoon", "table"], "astronaut": ["person", "flag"]}


EACH = pytest.mark.parametrize(
    ("name", "method"),
    [
        pytest.param(name, method, marks=() if name == "coffee" else pytest.mark.slow)
        for name in PHOTOS
        for method in ("reco", "reco2")
    ],
)


@pytest.fixture(scope="module")
def real(reco) -> Callable[[str, str], tuple[np.ndarray, np.ndarray]]:
    """Photo and scores, of the real model for a real photo."""

    @cache
    def score(name: str, method: str) -> tuple[np.ndarray, np.ndarray]:
        photo = getattr(skimage.data, name)()
        scores = reco.segment(photo, reco.prepare(PHOTOS[name], method=method), method=method).scores
        assert len(np.unique(scores.argmax(0))) > 1
        return photo, scores

    return score


def smooth_scores(labels: int, height: int, width: int, seed: int = 0) -> np.ndarray:
    """Scores (K, H, W) as enlarged maps are: bilinear between a few values."""
    grid = np.random.default_rng(seed).normal(0, 2, (labels, 3, 3))
    rows, columns = np.linspace(0, 2, height), np.linspace(0, 2, width)
    tall = np.stack([[np.interp(rows, range(3), line) for line in plane.T] for plane in grid]).transpose(0, 2, 1)
    return np.stack([[np.interp(columns, range(3), line) for line in plane] for plane in tall]).astype(np.float32)


def library(photo: np.ndarray, scores: np.ndarray, gaussian: dict, bilateral: dict) -> np.ndarray:
    """Probabilities of ten steps, asked of the library without our code."""
    unary = -(scores - np.log(np.exp(scores.astype(np.float64)).sum(0))).astype(np.float32)
    field = dcrf.DenseCRF2D(photo.shape[1], photo.shape[0], len(scores))
    field.setUnaryEnergy(np.ascontiguousarray(unary).reshape(len(scores), -1))
    field.addPairwiseGaussian(**gaussian)
    field.addPairwiseBilateral(rgbim=np.ascontiguousarray(photo), **bilateral)
    return np.array(field.inference(10)).reshape(scores.shape)


def test_crf_moves_a_wrong_border_to_the_edge_of_the_photo():
    photo = np.zeros((40, 60, 3), np.uint8)
    photo[:, 31:] = 220
    photo.setflags(write=False)  # as pictures from Pillow are
    scores = np.zeros((3, 40, 60), np.float32)
    scores[0, :, :36], scores[1, :, 36:] = 2.0, 2.0  # five pixels too far right; label 2 wins nowhere
    labels = crf.refine(photo, scores)
    assert (labels[:, :31] == 0).all()
    assert (labels[:, 31:] == 1).mean() > 0.99
    assert (scores.argmax(0)[:, 31:] == 1).mean() < 0.9


@EACH
def test_exact_is_the_paper_on_every_pixel(real, name, method):
    photo, scores = real(name, method)
    winners = np.unique(scores.argmax(0))
    q = library(photo, scores[winners], {"sxy": 1, "compat": 3}, {"sxy": 67, "srgb": 3, "compat": 4})
    assert (crf.refine(photo, scores) == winners[q.argmax(0)]).mean() > 0.9999  # but for rounding


@pytest.mark.parametrize("size", [(16, 16), (17, 16), (16, 33), (1, 5), (2, 2)])
def test_tiny_photos(size):
    photo = np.random.default_rng(0).integers(0, 255, (*size, 3)).astype(np.uint8)
    labels = crf.refine(photo, smooth_scores(3, *size))
    assert labels.shape == size
    assert labels.dtype == np.int64
    assert set(np.unique(labels)) <= {0, 1, 2}


def test_many_labels_keep_their_numbers():
    photo = skimage.data.astronaut()[:80, :90]
    scores = np.full((255, 80, 90), -3.0, np.float32)
    scores[100:160] = smooth_scores(60, 80, 90)
    labels = crf.refine(photo, scores)
    assert labels.min() >= 100
    assert labels.max() < 160
    assert len(np.unique(labels)) > 5


def test_one_label_stays():
    photo = np.random.default_rng(0).integers(0, 255, (20, 20, 3)).astype(np.uint8)
    scores = np.zeros((4, 20, 20), np.float32)
    scores[3] = 1
    assert (crf.refine(photo, scores) == 3).all()


def test_scores_far_apart_stay_finite():
    """Probabilities vanish in 32 bits; nothing is taken from a label that is certain."""
    photo = np.full((24, 24, 3), 90, np.uint8)
    scores = np.zeros((2, 24, 24), np.float32)
    scores[0, :, :13], scores[1, :, 13:] = 500, 500
    np.testing.assert_array_equal(crf.refine(photo, scores), scores.argmax(0))


def test_what_is_added_to_all_labels_of_a_pixel_changes_nothing():
    """Scores are compared pixel by pixel, however far apart they are from one pixel to the next."""
    photo, scores = skimage.data.coffee()[100:139, 200:244], smooth_scores(3, 39, 44)
    higher = scores + np.linspace(0, 600, 44, dtype=np.float32)
    assert (crf.refine(photo, higher) == crf.refine(photo, scores)).mean() > 0.995  # but for rounding
    assert len(np.unique(crf.refine(photo, higher))) > 1


def test_same_again_and_inputs_untouched(real):
    photo, scores = real("coffee", "reco")
    before = photo.copy(), scores.copy()
    np.testing.assert_array_equal(crf.refine(photo, scores), crf.refine(photo, scores))
    np.testing.assert_array_equal(photo, before[0])
    np.testing.assert_array_equal(scores, before[1])


def test_missing_library_says_why(monkeypatch):
    assert not crf.unavailable()
    monkeypatch.setitem(sys.modules, "pydensecrf.densecrf", None)
    assert crf.unavailable()
    with pytest.raises(DependencyError, match=r"pip install -r requirements-crf\.txt"):
        crf.refine(np.zeros((4, 4, 3), np.uint8), np.zeros((2, 4, 4)))


def test_sizes_must_agree():
    with pytest.raises(OptionError):
        crf.refine(np.zeros((4, 4, 3), np.uint8), np.zeros((2, 5, 4)))
