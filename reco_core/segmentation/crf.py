"""The paper's dense CRF: sharpen score maps along the edges of the photo (Krähenbühl & Koltun, NeurIPS 2011).

The library (PyPI pydensecrf2) is compiled when it is installed, and optional (requirements-crf.txt): nothing but
the switch `crf` needs it. What people get by default is `refinement.py`.
"""

from types import ModuleType

import numpy as np

from reco_core.errors import OptionError
from reco_core.utils.optional import import_optional

ITERATIONS = 10
GAUSSIAN = {"sxy": 1, "compat": 3}
BILATERAL = {"sxy": 67, "srgb": 3, "compat": 4}


def unavailable() -> str:
    """Why the CRF cannot run, or an empty string if it can."""
    try:
        import pydensecrf.densecrf  # noqa: F401
    except ImportError as error:
        return f"pydensecrf is not importable ({error})"
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
    library = import_optional("pydensecrf.densecrf", "the paper's CRF", "requirements-crf.txt (with a C++ compiler)")
    if photo.shape[:2] != log_scores.shape[1:]:
        raise OptionError("photo and scores differ in size", given=log_scores.shape[1:], expected=str(photo.shape[:2]))
    winners = np.unique(log_scores.argmax(0))
    if len(winners) == 1:
        return np.full(photo.shape[:2], winners[0])
    return winners[_marginals(library, photo, log_scores[winners], iterations).argmax(0)]


def _marginals(library: ModuleType, photo: np.ndarray, log_scores: np.ndarray, steps: int) -> np.ndarray:
    """Mean-field probabilities (K, H, W) float32 of at least two labels."""
    kept = log_scores.astype(np.float32)
    shifted = kept - kept.max(0)
    unary = np.log(np.exp(shifted).sum(0)) - shifted
    height, width = photo.shape[:2]
    field = library.DenseCRF2D(width, height, len(kept))
    field.setUnaryEnergy(np.ascontiguousarray(unary.reshape(len(kept), -1)))
    field.addPairwiseGaussian(**GAUSSIAN)
    field.addPairwiseBilateral(**BILATERAL, rgbim=np.array(photo, order="C"))  # a copy: the library wants it writable
    return np.asarray(field.inference(steps)).reshape(kept.shape)
