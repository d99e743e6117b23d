"""How good is a label map? Global confusion matrix, accuracy, mean IoU (nan-mean, no matching)."""

from dataclasses import dataclass

import numpy as np

from reco_core.errors import OptionError


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
    hits = np.diag(confusion).astype(float)
    union = confusion.sum(0) + confusion.sum(1) - hits
    with np.errstate(invalid="ignore", divide="ignore"):
        iou = hits / union
        accuracy = float(hits.sum() / confusion.sum())
    present = ~np.isnan(iou)
    return Score(accuracy, float(iou[present].mean()) if present.any() else float("nan"), iou)
