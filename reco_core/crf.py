"""Dense CRF: sharpen score maps along the edges of the photo (Krähenbühl & Koltun, NeurIPS 2011).

The library (PyPI pydensecrf2) needs a C++ compiler to install and may be absent; the rest of the
project works without it.
"""

import numpy as np

from reco_core.errors import DependencyError, OptionError

ITERATIONS = 10
GAUSSIAN = {"sxy": 1, "compat": 3}
BILATERAL = {"sxy": 67, "srgb": 3, "compat": 4}


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
    reason = unavailable()
    if reason:
        raise DependencyError("the dense CRF is not available", given=reason, remedy="Or switch the CRF off")
    if photo.shape[:2] != log_scores.shape[1:]:
        raise OptionError("photo and scores differ in size", given=log_scores.shape[1:], expected=str(photo.shape[:2]))
    import pydensecrf.densecrf as dcrf

    winners = np.unique(log_scores.argmax(0))
    if len(winners) == 1:
        return np.full(photo.shape[:2], winners[0])
    kept = log_scores[winners].astype(np.float32)
    shifted = kept - kept.max(0)
    unary = np.log(np.exp(shifted).sum(0)) - shifted
    height, width = photo.shape[:2]
    field = dcrf.DenseCRF2D(width, height, len(winners))
    field.setUnaryEnergy(np.ascontiguousarray(unary.reshape(len(winners), -1)))
    field.addPairwiseGaussian(**GAUSSIAN)
    field.addPairwiseBilateral(**BILATERAL, rgbim=np.array(photo, order="C"))  # a copy: the library wants it writable
    q = np.asarray(field.inference(iterations))
    return winners[q.argmax(0).reshape(height, width)]
