"""Co-segmentation: find, in k photos that share a thing, the point of each that shows it.

Paper: Shin, Xie, Albanie, "ReCo: Retrieve and Co-segment for Zero-shot Transfer", NeurIPS 2022,
section 3.2. Features are L2-normalised, so A(p, q) = f_p . f_q is a cosine.

The support of a position p is the mean over images j of max over q in j of A(p, q) w_q. With
G = w f, B = G G^T is symmetric and A(p, q) w_q = B(p, q) / w_p: one triangle of B gives the maxima
of both directions, and only one block of B exists at a time. B may be computed of rounded features
(`rounding`): every position that could still be the seed is then scored again in float32.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from reco_core.errors import OptionError
from reco_core.segmentation.rounding import STORED, Rounded, fastest, products, rounded

LANGUAGE_GAIN = 10.0  # the paper's temperature: sigmoid(10 cos)
HALF_GUIDANCE = 2.0  # standard deviations above the mean at which calibrated guidance is one half
LEAST_WEIGHT = 1e-6  # weights must be positive, and in a tiny archive anything can be very unusual
SAME_MEANING = 0.4  # cosine of two names' texts from which a context word is spared altogether
BLOCK_BYTES = 4 << 20  # of B at a time on a CPU: stays in the last-level cache
RELEASED_BYTES = 31 << 20  # just below the largest threshold that glibc adopts
DEVICE_BLOCK_BYTES = 1 << 30  # on a GPU: enough to fill it
RESCORED = 1024  # positions that are scored again at a time
FLOAT32_ERROR = 1e-5  # of a product of unit vectors, however it is summed up


class Cosegmented(NamedTuple):
    """reference: (C,) norm 1. seeds: (k,) int64, flat position y w + x. support: (k, h w)."""

    reference: Tensor
    seeds: Tensor
    support: Tensor


def language_guidance(language: Tensor, text: Tensor) -> Tensor:
    """LGC: how much each position speaks of the concept, sigmoid(10 cos(d_q, t_d)), in (0, 1).

    language: (..., D) and text: (D,), of norm 1. Returns (...). Paper, section 3.2, eq. 4.
    """
    return torch.sigmoid(LANGUAGE_GAIN * (language @ text))


def calibrated_guidance(z: Tensor) -> Tensor:
    """Ours, in place of LGC: sigmoid(z - 2), z from `background_stats.z_score`, any shape; in (0, 1).

    A cosine means different things for different names: what is high for "fence" is common for "dog".
    """
    return torch.sigmoid(z - HALF_GUIDANCE).clamp_min(LEAST_WEIGHT)


def context_elimination(features: Tensor, context: Tensor, shares: Tensor | None = None) -> Tensor:
    """CE: down-weight what looks like common surroundings, prod_c (1 - sigmoid(cos(f_q, r_c))).

    features: (..., C) and context: (c, C), of norm 1; no context (c = 0) gives ones. Returns (...).
    shares: (c,) exponents of the factors, ours (see `context_shares`); the paper's are all 1.
    Paper, section 3.2.
    """
    factors = 1 - torch.sigmoid(features @ context.T)
    return (factors if shares is None else factors**shares).prod(-1)


def context_shares(text: Tensor, context: Tensor, usual: float = 0.0) -> Tensor:
    """How much of each context word's elimination to apply: 1 for unrelated words, 0 for near-synonyms.

    text: (D,) and context: (c, D), text embeddings of norm 1. usual: cosine of two unrelated names, below 1.
    Returns (c,). Without it, "road" erases what "pavement" looks like, and "tree" what "forest" does.
    """
    related = (context @ text - usual) / (1 - usual)
    return (1 - related / SAME_MEANING).clamp(0, 1)


def usual_cosine(texts: Tensor) -> float:
    """The mean cosine of different names' texts (n, D) of norm 1: high where all text lies in a narrow cone, as CLIP's.

    Of fewer than two names it is 0.
    """
    n = len(texts)
    return float((texts.sum(0).square().sum() - n) / (n * (n - 1))) if n > 1 else 0.0


def cosegment(
    features: Tensor, weights: Tensor | None = None, *, precision: torch.dtype | None = None, weight_rows: bool = False
) -> Cosegmented:
    """Seeds, their support and the reference embedding of what k images share.

    Args:
        features: (k, n, C) float, n = h w positions; need not be normalised.
        weights: (k, n) column weights in (0, 1], LGC x CE; None means ones.
        precision: of B: float32, bfloat16, or int8 (on a CPU); None means `rounding.fastest`. Seeds, their support
            and the reference are float32's in each; the support of other positions is as exact as B.
        weight_rows: also multiply the support of p by w_p (neither the text nor the code does).

    Raises:
        OptionError: shapes or precision that do not fit, or weights that are not positive.
    """
    if features.ndim != 3 or 0 in features.shape:
        raise OptionError("features must be (k, n, C)", given=tuple(features.shape))
    precision = precision or fastest(features.device)
    if precision not in STORED or (precision == torch.int8 and features.device.type != "cpu"):
        raise OptionError("unknown precision", given=precision, expected="float32, bfloat16, or on a CPU int8")
    k, n, _ = features.shape
    weights = torch.ones(k, n, device=features.device) if weights is None else weights.float()
    if weights.shape != (k, n) or not bool((weights > 0).all()):
        raise OptionError(
            "weights must be positive, one per position", given=tuple(weights.shape), expected=f"({k}, {n})"
        )
    scale = torch.ones_like(weights) if weight_rows else 1 / weights
    weighted = F.normalize(features.float(), dim=-1).mul_(weights[..., None])  # (k, n, C)
    factors = rounded(weighted, precision)
    support = image_maxima(factors).mean(-1) * scale  # (k, n)
    if precision != torch.float32:
        support = rescore(support, weighted, factors, scale, STORED[precision])
    seeds = support.argmax(-1)  # (k,)
    picked = F.normalize(features[torch.arange(k, device=features.device), seeds].float(), dim=-1)  # (k, C)
    return Cosegmented(F.normalize(picked.mean(0), dim=-1), seeds, support)


def image_maxima(factors: Rounded) -> Tensor:
    """max over q in image j of g_p . g_q for every position p and image j.

    factors: g, (k, n, C). Returns (k, n, k) float32. One triangle, a block of images at a time.
    """
    k, n, _ = factors.values.shape
    on_cpu = factors.values.device.type == "cpu"
    width = max(1, (BLOCK_BYTES if on_cpu else DEVICE_BLOCK_BYTES) // (4 * n * n))
    out = torch.empty(k, n, k, device=factors.values.device)
    if on_cpu:
        # glibc gives freed blocks back to the kernel, which clears each anew, until one as large as this
        # was freed: without it a first call takes half as long again
        torch.empty(RELEASED_BYTES, dtype=torch.uint8)
    for i in range(k):
        for start in range(i, k, width):
            images = slice(start, min(k, start + width))
            block = factors.products(images, i)
            out[i, :, images] = block.amax(1).T
            out[images, :, i] = block.amax(-1)
    return out


def rescore(support: Tensor, weighted: Tensor, factors: Rounded, scale: Tensor, stored: float) -> Tensor:
    """Replace support by its float32 value wherever rounding could hide the seed.

    support: (k, n) from `factors`, which were made of weighted, (k, n, C). stored: of `STORED`. A position stays out
    if even the upper bound of its support is below the float32 support of its image's best by what is known so far.
    """
    norms = weighted.norm(dim=-1)  # (k, n)
    largest, lost = norms.amax(-1).mean(), factors.error.amax(-1).mean()
    doubt = factors.error * largest + (norms + factors.error) * (lost + (stored + FLOAT32_ERROR) * largest)
    images, best = torch.arange(len(support), device=support.device), support.argmax(-1)
    floor = exact_support(weighted, images, best) * scale[images, best]  # (k,)
    image, position = torch.nonzero(support + doubt * scale >= floor[:, None], as_tuple=True)
    exact = support.clone()
    for i, p in zip(image.split(RESCORED), position.split(RESCORED), strict=True):
        exact[i, p] = exact_support(weighted, i, p) * scale[i, p]
    return exact


def exact_support(weighted: Tensor, image: Tensor, position: Tensor) -> Tensor:
    """The mean over images of float32 maxima at m positions: (m,). weighted: (k, n, C), image and position: (m,)."""
    rows = weighted[image, position]
    return torch.stack([products(rows, columns).amax(-1) for columns in weighted]).mean(0)
