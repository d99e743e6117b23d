"""Dense CRF: sharpen score maps along the edges of the photo (Krähenbühl & Koltun, NeurIPS 2011).

`refine` is the paper's, on every pixel. `refine_fast` infers on every second row and column and lets the
photo's colours say what lies between; benchmarks/crf.py says how often both agree, and at what price.
The library (PyPI pydensecrf2) needs a C++ compiler to install and may be absent; the rest of the
project works without it.
"""

import numpy as np

from reco_core.errors import DependencyError, OptionError

ITERATIONS = 10
GAUSSIAN = {"sxy": 1, "compat": 3}
BILATERAL = {"sxy": 67, "srgb": 3, "compat": 4}

# refine_fast: of every STEP-th row and column a quarter of the pixels remain, so that each has fewer
# like it: kernels are a little wider than half the paper's. Chosen for agreement with `refine` on
# unlabelled photos of the archive and of scikit-image.
STEP = 2
COARSE_GAUSSIAN = {"sxy": 0.75, "compat": 3}
COARSE_BILATERAL = {"sxy": 67 / STEP, "srgb": 3.75, "compat": 4}
COLOUR = 6.0  # standard deviation of the colours that share a message, of 255
FARTHEST = 1e-3  # weight of a neighbour of quite another colour, so that someone always speaks
STRONGEST = GAUSSIAN["compat"] + BILATERAL["compat"]  # the most that neighbours can say for a label


def unavailable() -> str:
    """Why the CRF cannot run, or an empty string if it can."""
    try:
        import pydensecrf.densecrf  # noqa: F401
    except ImportError as error:
        return f"pydensecrf is not importable ({error}); it comes with: pip install pydensecrf2"
    return ""


def refine(photo: np.ndarray, log_scores: np.ndarray, iterations: int = ITERATIONS) -> np.ndarray:
    """Label every pixel by mean-field inference; the paper's parameters (section 4.2).

    Labels that win no pixel are left out of the inference: its cost grows with them.

    Args:
        photo: (H, W, 3) uint8 RGB.
        log_scores: (K, H, W) float, larger is likelier; turned into unaries by log-softmax over K.
        iterations: mean-field steps.

    Returns:
        (H, W) int64 labels, 0..K - 1.

    Raises:
        DependencyError: the CRF library is missing. OptionError: sizes differ.
    """
    _check(photo, log_scores)
    winners = np.unique(log_scores.argmax(0))
    if len(winners) == 1:
        return np.full(photo.shape[:2], winners[0])
    return winners[_marginals(photo, log_scores[winners], GAUSSIAN, BILATERAL, iterations).argmax(0)]


def refine_fast(photo: np.ndarray, log_scores: np.ndarray, iterations: int = ITERATIONS) -> np.ndarray:
    """Label every pixel nearly as `refine` does, in about a quarter of the time.

    Mean field runs on every second row and column. A pixel between coarse pixels of one label takes it.
    Where they disagree it adds to its own scores what the CRF told its coarse neighbours, each weighing
    more the more it is of the pixel's colour (joint bilateral upsampling, Kopf et al., SIGGRAPH 2007).

    Args, Returns, Raises: as `refine`. Scores should be smooth at the scale of two pixels, as enlarged
    maps are: labels that win on no coarse pixel are left out.
    """
    _check(photo, log_scores)
    seen, coarse = photo[::STEP, ::STEP], log_scores[:, ::STEP, ::STEP]
    winners = np.unique(coarse.argmax(0))
    if len(winners) == 1:
        return np.full(photo.shape[:2], winners[0])
    coarse = coarse[winners].astype(np.float32)
    q = _marginals(seen, coarse, COARSE_GAUSSIAN, COARSE_BILATERAL, iterations)
    best = q.argmax(0)
    rows, columns = (_neighbours(length) for length in photo.shape[:2])
    corners = [(row, column) for row in rows for column in columns]
    labels, *others = (best[np.ix_(*corner)] for corner in corners)
    between = np.logical_or.reduce([other != labels for other in others])
    y, x = between.nonzero()
    messages = _messages(q, coarse, best)
    near = [(row[y], column[x]) for row, column in corners]
    colour = photo[y, x].astype(np.float32)
    weights = [_likeness(seen[place], colour) for place in near]
    heard = sum(messages[:, *place] * weight for place, weight in zip(near, weights, strict=True)) / sum(weights)
    labels[y, x] = (log_scores[:, y, x][winners] + heard).argmax(0)
    return winners[labels]


REFINEMENTS = {"crf": refine, "fast_crf": refine_fast}  # by `Method.refine`


def _check(photo: np.ndarray, log_scores: np.ndarray) -> None:
    reason = unavailable()
    if reason:
        raise DependencyError("the dense CRF is not available", given=reason, remedy="Or switch the CRF off")
    if photo.shape[:2] != log_scores.shape[1:]:
        raise OptionError("photo and scores differ in size", given=log_scores.shape[1:], expected=str(photo.shape[:2]))


def _marginals(photo: np.ndarray, log_scores: np.ndarray, gaussian: dict, bilateral: dict, steps: int) -> np.ndarray:
    """Mean-field probabilities (K, H, W) float32 of at least two labels."""
    import pydensecrf.densecrf as dcrf

    kept = log_scores.astype(np.float32)
    shifted = kept - kept.max(0)
    unary = np.log(np.exp(shifted).sum(0)) - shifted
    height, width = photo.shape[:2]
    field = dcrf.DenseCRF2D(width, height, len(kept))
    field.setUnaryEnergy(np.ascontiguousarray(unary.reshape(len(kept), -1)))
    field.addPairwiseGaussian(**gaussian)
    field.addPairwiseBilateral(**bilateral, rgbim=np.array(photo, order="C"))  # a copy: the library wants it writable
    return np.asarray(field.inference(steps)).reshape(kept.shape)


def _messages(q: np.ndarray, log_scores: np.ndarray, best: np.ndarray) -> np.ndarray:
    """What neighbours say for each label (K, h, w), less what they say for the best one (h, w).

    Mean field's update is log q = log_scores + messages + a constant per pixel. Probabilities that
    vanish in 32 bits leave the true range, and are put back into it.
    """
    said = np.log(np.maximum(q, np.finfo(np.float32).tiny)) - log_scores
    return np.clip(said - np.take_along_axis(said, best[None], 0), -STRONGEST, STRONGEST)


def _neighbours(length: int) -> tuple[np.ndarray, np.ndarray]:
    """For each of `length` rows or columns the coarse ones before and after it (itself if it is one)."""
    fine = np.arange(length)
    return fine // STEP, np.minimum(-(-fine // STEP), (length - 1) // STEP)


def _likeness(colours: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Weights (N,) of colours (N, 3) for pixels of other colours (N, 3): a Gaussian and a small rest."""
    return np.exp(np.square(colours - others).sum(1) / (-2 * COLOUR**2)) + FARTHEST
