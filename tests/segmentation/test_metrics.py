import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import accuracy_score, confusion_matrix, jaccard_score, roc_auc_score, roc_curve

from reco_core.errors import OptionError
from reco_core.segmentation import metrics


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


def test_counts_of_photos_add_up():
    random = np.random.default_rng(1)
    truth, prediction = random.integers(-1, 4, (2, 50)), random.integers(0, 4, (2, 50))
    parts = [metrics.confusion_matrix(t, p, 4) for t, p in zip(truth, prediction, strict=True)]
    counts = np.stack([metrics.pixel_counts(part) for part in parts])
    for c in range(4):
        seen = truth >= 0
        expected = [((truth == c) & (prediction == c)).sum(), (truth == c).sum(), ((prediction == c) & seen).sum()]
        assert counts.sum(0)[c].tolist() == expected
    whole, summed = metrics.score(parts[0] + parts[1]), metrics.score_counts(counts.sum(0))
    assert (whole.accuracy, whole.miou) == (summed.accuracy, summed.miou)
    np.testing.assert_array_equal(whole.iou, summed.iou)


def drawn_counts(photos: int, seed: int) -> np.ndarray:
    """(photos, 4, 3): a class that few photos have, and one that none has."""
    random, out = np.random.default_rng(seed), []
    for photo in range(photos):
        truth = random.integers(0, 3 if photo % 5 == 0 else 2, 40)
        prediction = np.where(random.random(40) < random.random(), truth, random.integers(0, 3, 40))
        out.append(metrics.pixel_counts(metrics.confusion_matrix(truth, prediction, 4)))
    return np.stack(out)


def test_bootstrap_against_a_naive_loop():
    counts, random, naive = drawn_counts(25, 0), np.random.default_rng(3), []
    for _ in range(2000):
        total = np.sum([counts[i] for i in random.integers(0, 25, 25)], axis=0)
        ious = [hits / (true + said - hits) for hits, true, said in total if true + said - hits]
        naive.append((total[:, 0].sum() / total[:, 1].sum(), np.mean(ious)))
    samples = metrics.bootstrap(counts)
    assert samples.shape == (2000, 2)
    for i in range(2):
        theirs = np.quantile(np.array(naive)[:, i], [0.025, 0.975])
        width = theirs[1] - theirs[0]
        assert metrics.interval(samples[:, i]) == pytest.approx(theirs, abs=0.08 * width)
        assert samples[:, i].mean() == pytest.approx(np.mean(naive, axis=0)[i], abs=0.03 * width)


def test_bootstrap_draws_alike_whatever_fits_into_memory(monkeypatch):
    counts = drawn_counts(25, 0)
    samples = metrics.bootstrap(counts, 50, seed=4)
    monkeypatch.setattr(metrics, "CHUNK", 8 * 25 * 7)
    np.testing.assert_array_equal(metrics.bootstrap(counts, 50, seed=4), samples)
    assert (metrics.bootstrap(counts, 50, seed=5) != samples).any()
    same = metrics.bootstrap(counts[:1], 20)
    assert (same == same[0]).all(), "one photo can only be drawn again"


@pytest.mark.filterwarnings("error")
def test_intervals_without_numbers():
    nothing = np.full((3, 2, 3), 0)
    assert np.isnan(metrics.interval(metrics.bootstrap(nothing)[:, 1])).all()
    assert metrics.interval(np.array([np.nan, 1.0, 3.0]), 0.5) == (1.5, 2.5)


@pytest.mark.parametrize("digits", [1, 9], ids=["with ties", "without"])
@pytest.mark.parametrize("seed", range(4))
def test_ranking_against_scikit_learn(seed, digits):
    random = np.random.default_rng(seed)
    truth = random.random(60) < (0.1, 0.4, 0.6, 0.9)[seed]
    scores = np.clip(0.25 * truth + random.random(60), 0, 1).round(digits)
    assert metrics.auroc(scores, truth) == pytest.approx(roc_auc_score(truth, scores))
    false, true, _ = roc_curve(truth, scores, drop_intermediate=False)
    for recall in (0.1, 0.5, 0.9, 1.0):
        naive = false[np.flatnonzero(true >= recall - 1e-9)[0]]
        assert metrics.false_positive_rate(scores, truth, recall) == pytest.approx(naive)
    assert metrics.false_positive_rate(scores, truth) == metrics.false_positive_rate(scores, truth, 0.9)


def test_recall_that_is_reached_exactly():
    """55 of 100 are 55 %, though 0.55 * 100 is a little more than 55."""
    scores, truth = np.array([*np.arange(100, 200), 144.5, 145.0, 9.0]), np.arange(103) < 100
    assert metrics.false_positive_rate(scores, truth, 0.55) == pytest.approx(1 / 3)


def test_ranking_needs_both():
    for truth in (np.ones(3, bool), np.zeros(3, bool)):
        assert np.isnan(metrics.auroc(np.arange(3.0), truth))
        assert np.isnan(metrics.false_positive_rate(np.arange(3.0), truth))


@pytest.mark.parametrize("bins", [5, 10])
def test_calibration_against_scikit_learn(bins):
    random = np.random.default_rng(0)
    said = random.random(500)
    truth = random.random(500) < said**2
    there, mean = calibration_curve(truth, said, n_bins=bins)
    sizes = np.histogram(said, bins, (0, 1))[0]
    assert metrics.expected_calibration_error(said, truth, bins) == pytest.approx(sum(abs(there - mean) * sizes) / 500)


def test_calibration_of_certainty():
    said = np.array([0.0, 1.0, 1.0, 0.0])
    assert metrics.expected_calibration_error(said, said == 1) == 0
    assert metrics.expected_calibration_error(said, said == 0) == 1
    assert metrics.expected_calibration_error(np.array([0.75, 0.75, 0.75, 0.75]), np.array([1, 1, 1, 0], bool)) == 0
    assert np.isnan(metrics.expected_calibration_error(np.zeros(0), np.zeros(0, bool)))
