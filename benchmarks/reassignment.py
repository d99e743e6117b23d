"""How good are segments and names that nobody asked for? The measures of zero-guidance segmentation.

Rewatbowornwong et al., ICCV 2023, section 4: segments against true ones, by their best match; and, since names are
free, each is first reassigned to a class of the data set, by its text or by its image. Pure functions on arrays.
"""

import numpy as np
import torch
from torch import Tensor

LEAST = 0.5  # cosine of sentence embeddings below which a name is no class's
NONE = -1  # the class of what is reassigned to none
THRESHOLDS = tuple(round(0.05 * i, 2) for i in range(1, 20))


def best_matches(truth: np.ndarray, labels: np.ndarray, classes: range) -> dict[int, float]:
    """For every class of a photo the IoU (0..1) of its pixels with the segment that fits them best.

    truth: (H, W) classes, negative where not scored; such pixels are left out. labels: (H, W) segments, from 0.
    classes: which of them count (not a background, for example).
    """
    scored = truth >= 0
    count = int(labels.max()) + 1
    there = [row for row in np.unique(truth[scored]).tolist() if row in classes]
    out = {}
    areas = np.bincount(labels[scored], minlength=count)
    for row in there:
        inside = np.bincount(labels[truth == row], minlength=count)
        out[row] = float((inside / (areas + inside.sum() - inside)).max())
    return out


def recall(matches: list[float], thresholds: tuple[float, ...] = THRESHOLDS) -> list[float]:
    """The share of true segments whose best match reaches each IoU."""
    found = np.array(matches)
    return [float((found >= threshold).mean()) if len(found) else float("nan") for threshold in thresholds]


def reassign(
    given: Tensor, classes: Tensor, rows: tuple[int, ...], least: float | None = LEAST, otherwise: int = NONE
) -> np.ndarray:
    """The class (S,) of every name or segment: that of the nearest class word.

    given: (S, D), classes: (W, D), norm 1. rows: W, the class of each word. least: cosine below which it is
    `otherwise`; None: never.
    """
    nearness = given.float() @ classes.float().T
    best, where = nearness.max(1)
    found = torch.tensor(rows)[where]
    return (found if least is None else torch.where(best >= least, found, otherwise)).numpy()


def pixel_counts(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """(classes, 3) int64, pixels that are right, true, and predicted; predicted NONE counts as no class.

    truth, predicted: (H, W); only pixels whose truth is not negative count.
    """
    scored = truth >= 0
    t, p = truth[scored], predicted[scored]
    return np.stack(
        [
            np.bincount(t[t == p], minlength=classes),
            np.bincount(t, minlength=classes),
            np.bincount(p[p >= 0], minlength=classes),
        ],
        1,
    )


def majority(truth: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The class (S,) that most scored pixels of every segment have; NONE where none is scored."""
    out = np.full(int(labels.max()) + 1, NONE)
    for segment in np.unique(labels):
        inside = truth[(labels == segment) & (truth >= 0)]
        if len(inside):
            out[segment] = np.bincount(inside).argmax()
    return out
