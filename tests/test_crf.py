import sys

import numpy as np
import pytest

from reco_core import crf
from reco_core.errors import DependencyError, OptionError


def test_crf_moves_a_wrong_border_to_the_edge_of_the_photo():
    photo = np.zeros((40, 60, 3), np.uint8)
    photo[:, 30:] = 220
    photo.setflags(write=False)  # as pictures from Pillow are
    scores = np.zeros((3, 40, 60), np.float32)
    scores[0, :, :36], scores[1, :, 36:] = 2.0, 2.0  # six pixels too far right; label 2 wins nowhere
    labels = crf.refine(photo, scores)
    assert (labels[:, :30] == 0).all()
    assert (labels[:, 30:] == 1).mean() > 0.99
    assert (scores.argmax(0)[:, 30:] == 1).mean() < 0.9


def test_labels_keep_their_numbers_and_one_label_stays():
    photo = np.random.default_rng(0).integers(0, 255, (20, 20, 3)).astype(np.uint8)
    scores = np.zeros((4, 20, 20), np.float32)
    scores[3] = 1
    assert (crf.refine(photo, scores) == 3).all()


def test_missing_library_says_why(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydensecrf.densecrf", None)
    assert "pydensecrf2" in crf.unavailable()
    with pytest.raises(DependencyError, match="pip install pydensecrf2"):
        crf.refine(np.zeros((4, 4, 3), np.uint8), np.zeros((2, 4, 4)))


def test_sizes_must_agree():
    with pytest.raises(OptionError):
        crf.refine(np.zeros((4, 4, 3), np.uint8), np.zeros((2, 5, 4)))
