"""Co-segmentation: find, in k photos that share a thing, the point of each that shows it.

Paper: Shin, Xie, Albanie, "ReCo: Retrieve and Co-segment for Zero-shot Transfer", NeurIPS 2022,
section 3.2. Features are L2-normalised, so A(p, q) = f_p . f_q is a cosine.

The support of a position p is the mean over images j of max over q in j of A(p, q) w_q. With
G = w f, B = G G^T is symmetric and A(p, q) w_q = B(p, q) / w_p: one triangle of B gives the maxima
of both directions, nothing is multiplied element by element, and only one block of B exists at a
time.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from reco_core.errors import OptionError

LANGUAGE_GAIN = 10.0  # the paper's temperature: sigmoid(10 cos)
USUAL = 2.0  # standard deviations above the mean at which calibrated guidance is one half
LEAST_WEIGHT = 1e-6  # weights must be positive, and in a tiny archive anything can be very unusual
SAME_MEANING = 0.4  # cosine of two names' texts from which a context word is spared altogether
BLOCK_BYTES = 4 << 20  # of B at a time on a CPU: stays in the last-level cache
RELEASED_BYTES = 31 << 20  # just below the largest threshold that glibc adopts
DEVICE_BLOCK_BYTES = 1 << 30  # on a GPU: enough to fill it
BF16_ERROR = 2.0**-8  # of a support computed in bfloat16, in units of its weights: over eight standard deviations


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


def calibrated_guidance(unusual: Tensor) -> Tensor:
    """Ours, in place of LGC: sigmoid(z - 2), z from `inference.unusual`, any shape; in (0, 1).

    A cosine means different things for different names: what is high for "fence" is common for "dog".
    """
    return torch.sigmoid(unusual - USUAL).clamp_min(LEAST_WEIGHT)


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
    features: Tensor,
    weights: Tensor | None = None,
    *,
    precision: torch.dtype = torch.float32,
    authors_span: bool = False,
    weight_rows: bool = False,
    normalise_seeds: bool = True,
) -> Cosegmented:
    """Seeds, their support and the reference embedding of what k images share.

    Args:
        features: (k, n, C) float, n = h w positions; need not be normalised.
        weights: (k, n) column weights in (0, 1], LGC x CE; None means ones.
        precision: float32, or bfloat16: B is computed in bfloat16 and every position that could
            still be the seed is scored again in float32, so that seeds are those of float32.
        authors_span: as the authors' code, take image i's maximum over images i..2i (DESIGN 2.1).
        weight_rows: also multiply the support of p by w_p (neither the text nor the code does).
        normalise_seeds: average normalised seed features; False averages raw ones, as the
            authors' code does.

    Raises:
        OptionError: shapes or precision that do not fit, or weights that are not positive.
    """
    if features.ndim != 3 or 0 in features.shape:
        raise OptionError("features must be (k, n, C)", given=tuple(features.shape))
    if precision not in (torch.float32, torch.bfloat16):
        raise OptionError("unknown precision", given=precision, expected="float32 or bfloat16")
    k, n, _ = features.shape
    unit = F.normalize(features.float(), dim=-1)
    weights = torch.ones(k, n, device=features.device) if weights is None else weights.float()
    if weights.shape != (k, n) or not bool((weights > 0).all()):
        raise OptionError(
            "weights must be positive, one per position", given=tuple(weights.shape), expected=f"({k}, {n})"
        )
    rows = weights if weight_rows else torch.ones_like(weights)
    weighted = unit * weights[..., None]
    scale = rows / weights

    def support_of(maxima: Tensor) -> Tensor:
        return (authors_maxima(maxima) if authors_span else maxima).mean(-1)

    support = support_of(image_maxima(weighted.to(precision))) * scale
    if precision == torch.bfloat16:
        support = rescore(support, weighted, scale, support_of)
    seeds = support.argmax(-1)
    source = unit if normalise_seeds else features.float()
    picked = source[torch.arange(k, device=features.device), seeds]
    return Cosegmented(F.normalize(picked.mean(0), dim=-1), seeds, support)


def image_maxima(weighted: Tensor) -> Tensor:
    """max over q in image j of g_p . g_q for every position p and image j.

    weighted: (k, n, C). Returns (k, n, k) float32. One triangle, a block of images at a time.
    """
    k, n, channels = weighted.shape
    budget = BLOCK_BYTES if weighted.device.type == "cpu" else DEVICE_BLOCK_BYTES
    width = max(1, budget // (n * n * weighted.element_size()))
    out = torch.empty(k, n, k, device=weighted.device)
    if weighted.device.type == "cpu":
        # glibc gives freed blocks back to the kernel, which clears each anew, until one as large as this
        # was freed: without it a first call takes half as long again
        torch.empty(RELEASED_BYTES, dtype=torch.uint8)
    for i in range(k):
        for start in range(i, k, width):
            stop = min(k, start + width)
            block = products(weighted[start:stop].reshape(-1, channels), weighted[i]).view(-1, n, n)
            out[i, :, start:stop] = block.amax(1).T
            out[start:stop, :, i] = block.amax(-1)
    return out


def products(left: Tensor, right: Tensor) -> Tensor:
    """left right^T for (m, C) and (n, C).

    For float32 on a CPU through oneDNN, which torch asks only for tensors in its own layout: on
    AMD processors it is 2-3 times faster than the MKL behind torch.mm.
    """
    if left.device.type == "cpu" and left.dtype == torch.float32 and torch.backends.mkldnn.is_available():
        return F.linear(left.to_mkldnn(), right.to_mkldnn()).to_dense()
    return left @ right.T


def authors_maxima(maxima: Tensor) -> Tensor:
    """The authors' code reads an end index as a length: image i's columns are images i..2i."""
    k = maxima.shape[-1]
    return torch.stack([maxima[..., i : min(2 * i, k - 1) + 1].amax(-1) for i in range(k)], dim=-1)


def rescore(support: Tensor, weighted: Tensor, scale: Tensor, support_of: Callable[..., Tensor]) -> Tensor:
    """Replace support by its float32 value wherever rounding could hide the seed.

    support: (k, n) from bfloat16. weighted: (k, n, C) float32, of which it was made.
    """
    k, n, channels = weighted.shape
    norms = weighted.norm(dim=-1)
    doubt = BF16_ERROR * norms.amax(-1).mean() * scale * norms
    floor = (support - doubt).amax(-1, keepdim=True)
    image, position = torch.nonzero(support + doubt >= floor, as_tuple=True)
    columns = weighted.reshape(-1, channels)
    exact = support.clone()
    step = max(1, (64 << 20) // (4 * k * n))
    for start in range(0, len(image), step):
        i, p = image[start : start + step], position[start : start + step]
        maxima = products(weighted[i, p], columns).view(-1, k, n).amax(-1)
        exact[i, p] = support_of(maxima) * scale[i, p]
    return exact
