"""How good is a label map? Counts of pixels, accuracy, mean IoU (nan-mean, no matching), and how sure that is.

And how good is "is it there?": AUROC and false alarms of presence scores.
"""

from dataclasses import dataclass

import numpy as np

from reco_core.errors import OptionError

RESAMPLES = 2000
LEVEL = 0.95
RECALL = 0.9
CHUNK = 64 << 20  # bytes of resampled counts at a time


def confusion_matrix(truth: np.ndarray, prediction: np.ndarray, classes: int) -> np.ndarray:
    """Count pixels: rows are true classes, columns predicted ones; (classes, classes) int64.

    Pixels whose truth is outside 0..classes - 1 (the ignore value) are left out.

    Raises:
        OptionError: shapes differ, or a counted pixel is predicted outside the classes.
    """
    if truth.shape != prediction.shape:
        raise OptionError("truth and prediction differ in shape", given=prediction.shape, expected=str(truth.shape))
    counted = (truth >= 0) & (truth < classes)
    t, p = truth[counted].astype(np.int64), prediction[counted].astype(np.int64)
    if p.size and (p.min() < 0 or p.max() >= classes):
        raise OptionError("a predicted class is outside the list", given=int(p.max()), expected=f"0..{classes - 1}")
    return np.bincount(t * classes + p, minlength=classes**2).reshape(classes, classes)


def pixel_counts(confusion: np.ndarray) -> np.ndarray:
    """What IoU needs of a confusion matrix: (classes, 3) int64, pixels that are right, true, and predicted."""
    return np.stack([np.diag(confusion), confusion.sum(1), confusion.sum(0)], -1)


@dataclass(frozen=True)
class Score:
    """accuracy: share of counted pixels that are right. iou: (classes,), nan where a class occurs
    in neither truth nor prediction. miou: mean of iou without nan. All 0..1.
    """

    accuracy: float
    miou: float
    iou: np.ndarray


def score(confusion: np.ndarray) -> Score:
    """Accuracy and IoU per class from a confusion matrix; nan when nothing was counted."""
    return score_counts(pixel_counts(confusion))


def score_counts(counts: np.ndarray) -> Score:
    """The same from pixel counts (classes, 3), of one photo or summed over photos."""
    accuracy, miou, iou = _scores(counts.astype(float))
    return Score(float(accuracy), float(miou), iou)


def _scores(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Accuracy (...), mean IoU (...) and IoU (..., classes) of counts (..., classes, 3)."""
    hits, true, predicted = np.moveaxis(counts, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        accuracy = hits.sum(-1) / true.sum(-1)
        iou = hits / (true + predicted - hits)
        miou = np.nansum(iou, -1) / (~np.isnan(iou)).sum(-1)
    return accuracy, miou, iou


def bootstrap(counts: np.ndarray, resamples: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """Accuracy and mean IoU of sets of photos drawn again with replacement: (resamples, 2).

    counts: (photos, classes, 3). Two methods' counts of the same photos are drawn alike for the same
    seed, so the difference of their results is that of a paired bootstrap (Efron, 1979).
    """
    photos = len(counts)
    random, flat = np.random.default_rng(seed), counts.reshape(photos, -1).astype(float)
    step, out = max(1, CHUNK // (8 * max(photos, flat.shape[1]))), []
    for start in range(0, resamples, step):
        draws = random.multinomial(photos, np.full(photos, 1 / photos), min(step, resamples - start))
        accuracy, miou, _ = _scores((draws @ flat).reshape(-1, *counts.shape[1:]))
        out.append(np.stack([accuracy, miou], -1))
    return np.concatenate(out)


def interval(samples: np.ndarray, level: float = LEVEL) -> tuple[float, float]:
    """The central interval of bootstrap samples (percentile method); nan are left out, and alone give nan."""
    if np.isnan(samples).all():
        return float("nan"), float("nan")
    low, high = np.nanquantile(samples, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def auroc(scores: np.ndarray, truth: np.ndarray) -> float:
    """How often a photo that has the thing scores above one that has not; ties count one half.

    scores: (photos,). truth: (photos,) bool, with both values. Returns 0..1; nan without both.
    """
    there, absent = np.sort(scores[truth]), np.sort(scores[~truth])
    if not len(there) or not len(absent):
        return float("nan")
    below, upto = (np.searchsorted(absent, there, side) for side in ("left", "right"))
    return float((below + upto).mean() / 2 / len(absent))


def false_positive_rate(scores: np.ndarray, truth: np.ndarray, recall: float = RECALL) -> float:
    """The share of photos without the thing that pass the highest threshold at which `recall` of those with it pass.

    Arguments and nan as for `auroc`.
    """
    there, absent = np.sort(scores[truth])[::-1], scores[~truth]
    if not len(there) or not len(absent):
        return float("nan")
    needed = int(np.ceil(recall * len(there) - 1e-9))
    return float((absent >= there[needed - 1]).mean())


def expected_calibration_error(probabilities: np.ndarray, truth: np.ndarray, bins: int = 10) -> float:
    """The mean gap between what was said and what was so, over equal bins of probability, weighted by their size.

    probabilities: (n,), that a thing is there. truth: (n,) bool, whether it is. Returns 0..1; nan of
    nothing. Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017, eq. 3, with the
    share of things that are there for the accuracy.
    """
    which = np.clip((probabilities * bins).astype(int), 0, bins - 1)
    gaps = [abs(probabilities[which == b].sum() - truth[which == b].sum()) for b in range(bins)]
    return float(np.sum(gaps) / len(truth)) if len(truth) else float("nan")
