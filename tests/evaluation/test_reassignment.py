"""The measures of zero-guidance segmentation against naive counting."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from benchmarks import reassignment


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    """True classes with uncounted pixels, and segments that do not fit them."""
    random = np.random.default_rng(0)
    return np.kron(random.integers(-1, 5, (6, 7)), np.ones((3, 2), int)), np.kron(
        random.integers(0, 4, (9, 7)), np.ones((2, 2), int)
    )


def test_best_match_is_the_largest_iou_of_counted_pixels(pair):
    truth, labels = pair
    found = reassignment.best_matches(truth, labels, range(1, 5))
    assert set(found) == {1, 2, 3, 4}
    for row, best in found.items():
        ious = []
        for segment in range(4):
            both = sum(t == row and s == segment for t, s in zip(truth.flat, labels.flat, strict=True))
            any_ = sum(t >= 0 and (t == row or s == segment) for t, s in zip(truth.flat, labels.flat, strict=True))
            ious.append(both / any_)
        assert best == pytest.approx(max(ious))


def test_recall_counts_matches_from_a_threshold_on():
    assert reassignment.recall([0.2, 0.5, 0.9], (0.1, 0.5, 0.51, 0.95)) == pytest.approx([1, 2 / 3, 1 / 3, 0])
    assert np.isnan(reassignment.recall([], (0.5,))).all()


def test_names_go_to_the_nearest_class_or_to_none():
    words = F.normalize(torch.tensor([[1.0, 0, 0], [0, 1, 0], [0.9, 0.1, 0]]), dim=-1)
    given = F.normalize(torch.tensor([[1.0, 0.1, 0], [0.1, 0.2, 1], [0, 1, 0.5]]), dim=-1)
    rows = (4, 7, 4)
    np.testing.assert_array_equal(reassignment.reassign(given, words, rows), [4, reassignment.NONE, 7])
    np.testing.assert_array_equal(reassignment.reassign(given, words, rows, otherwise=0), [4, 0, 7])
    np.testing.assert_array_equal(reassignment.reassign(given, words, rows, None), [4, 7, 7])


def test_what_is_no_class_is_missing_but_not_wrongly_predicted(pair):
    truth, labels = pair
    predicted = np.array([2, reassignment.NONE, 3, 2])[labels]
    counts = reassignment.pixel_counts(truth, predicted, 5)
    for row in range(5):
        pixels = [(t, p) for t, p in zip(truth.flat, predicted.flat, strict=True) if t >= 0]
        expected = [
            sum(t == p == row for t, p in pixels),
            sum(t == row for t, _ in pixels),
            sum(p == row for _, p in pixels),
        ]
        assert counts[row].tolist() == expected


def test_a_segments_class_is_what_most_of_it_is():
    truth = np.array([[0, 0, 1, 1, 1], [-1, -1, -1, 2, 2]])
    labels = np.array([[0, 0, 0, 1, 1], [2, 2, 2, 1, 1]])
    np.testing.assert_array_equal(reassignment.majority(truth, labels), [0, 1, reassignment.NONE])
