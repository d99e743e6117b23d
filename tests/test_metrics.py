import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, jaccard_score

from reco_core import metrics
from reco_core.errors import OptionError


def test_against_scikit_learn():
    random = np.random.default_rng(0)
    truth, prediction = random.integers(0, 5, (40, 30)), random.integers(0, 5, (40, 30))
    truth[:5] = 255
    counted = truth != 255
    ours = metrics.confusion_matrix(truth, prediction, 5)
    np.testing.assert_array_equal(ours, confusion_matrix(truth[counted], prediction[counted], labels=range(5)))
    result = metrics.score(ours)
    assert result.accuracy == pytest.approx(accuracy_score(truth[counted], prediction[counted]))
    np.testing.assert_allclose(result.iou, jaccard_score(truth[counted], prediction[counted], average=None))
    assert result.miou == pytest.approx(result.iou.mean())


def test_class_that_never_occurs_is_left_out_of_the_mean():
    result = metrics.score(metrics.confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), 3))
    assert np.isnan(result.iou[2])
    assert result.miou == pytest.approx(0.5)


def test_class_predicted_but_never_true_counts_as_zero():
    assert metrics.score(metrics.confusion_matrix(np.array([0, 0]), np.array([0, 1]), 2)).iou.tolist() == [0.5, 0.0]


def test_nothing_counted_is_nan():
    assert np.isnan(metrics.score(np.zeros((2, 2), int)).miou)


def test_bad_input():
    with pytest.raises(OptionError, match="shape"):
        metrics.confusion_matrix(np.zeros((2, 2), int), np.zeros((2, 3), int), 2)
    with pytest.raises(OptionError, match="outside"):
        metrics.confusion_matrix(np.zeros(2, int), np.array([0, 7]), 2)
