"""Inference: which concept does each position of a photo show?

`reco_scores` is the paper's (Shin et al., NeurIPS 2022, section 3.3). The rest is ours and belongs to
the method reco2: a language map counts by how unusual it is for its name, maps are smoothed by the
affinity of the co-segmentation features, concepts are compared with each other instead of each being
judged alone, and each starts from the evidence that it is in the photo at all.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from reco_core.errors import OptionError
from reco_core.segmentation.cosegmentation import LANGUAGE_GAIN

LEAST_SHOWN, LEAST_RANGE = 0.5, 0.2  # of levels, so that poor exemplars do not blow evidence up


def similarities(maps: Tensor, vectors: Tensor) -> Tensor:
    """Cosine of every position with every concept: maps (h, w, C), vectors (K, C), norm 1 -> (K, h, w)."""
    return torch.einsum("hwc,kc->khw", maps, vectors)


def resize(maps: Tensor, size: tuple[int, ...]) -> Tensor:
    """Bilinear resize of (K, h, w) to (K, *size), corners not aligned."""
    return F.interpolate(maps[None], size=size, mode="bilinear", align_corners=False)[0]


def reco_scores(reference: Tensor | None, language: Tensor | None, size: tuple[int, int]) -> Tensor:
    """P(p, concept) = sigmoid(cos(f_p, r)) x sigmoid(10 cos(d_p, t)), each resized, then multiplied.

    Args:
        reference: (K, h, w) cosines with the reference embeddings, or None to leave that factor out.
        language: (K, h', w') cosines with the text embeddings, or None (DenseCLIP is language alone).
        size: (height, width) of the result.

    Returns:
        (K, height, width) float32 in (0, 1).

    Raises:
        OptionError: both factors are None.
    """
    factors = []
    if reference is not None:
        factors.append(resize(torch.sigmoid(reference), size))
    if language is not None:
        factors.append(resize(torch.sigmoid(LANGUAGE_GAIN * language), size))
    if not factors:
        raise OptionError("a method needs references, language, or both")
    return factors[0] if len(factors) == 1 else factors[0] * factors[1]


def affinity(features: Tensor, gain: float, shift: float) -> Tensor:
    """How much position p should listen to position q, from co-segmentation features.

    features: (h, w, C) of norm 1. Returns (h w, h w), rows sum to 1: a softmax over the positive
    entries of gain (cos - shift mean cos); a position always listens to itself, so that rows of a
    plain photo, where nothing stands out, stay defined. Source: ProxyCLIP (Lan et al., ECCV 2024), eq. 6-8.
    """
    flat = features.flatten(0, 1)
    cosines = flat @ flat.T
    scaled = gain * (cosines - shift * cosines.mean())
    others = ~torch.eye(len(flat), dtype=torch.bool, device=flat.device)
    return scaled.masked_fill((scaled <= 0) & others, -torch.inf).softmax(-1)


def smooth(maps: Tensor, weights: Tensor) -> Tensor:
    """Average maps (K, h, w) over positions by an affinity (h w, h w)."""
    return (maps.flatten(1) @ weights.T).view_as(maps)


def regrid(maps: Tensor, grid: tuple[int, ...]) -> Tensor:
    """Feature maps (B, h, w, C) of norm 1 on another grid, bilinear, of norm 1 again; on their own grid as they are."""
    if maps.shape[1:3] == grid:
        return maps
    resized = F.interpolate(maps.permute(0, 3, 1, 2), size=grid, mode="bilinear", align_corners=False)
    return F.normalize(resized.permute(0, 2, 3, 1), dim=-1)


def compete(maps: Tensor, temperature: float) -> Tensor:
    """Log-probabilities when concepts compete: log-softmax over K of maps (K, ...) / temperature; at most 0."""
    return (maps / temperature).log_softmax(0)


def merge_background(scores: Tensor, asked: int) -> Tensor:
    """Let the background words compete as one: (K, ...) -> (asked + 1, ...), background first.

    Without background words the background never wins (its score is the lowest there is).
    """
    if scores.shape[0] > asked:
        background = scores[asked:].amax(0, keepdim=True)
    else:
        background = torch.full_like(scores[:1], torch.finfo(scores.dtype).min)
    return torch.cat([background, scores[:asked]])


class Typical(NamedTuple):
    """How embeddings of many unrelated photos are distributed: mean (D,), covariance (D, D)."""

    mean: Tensor
    covariance: Tensor


def typical(embeddings: Tensor) -> Typical:
    """Mean and covariance of embeddings (N, D)."""
    mean = embeddings.mean(0)
    centred = embeddings - mean
    return Typical(mean, centred.T @ centred / len(embeddings))


def unusual(similarity: Tensor, texts: Tensor, base: Typical) -> Tensor:
    """By how many standard deviations similarities exceed what unrelated photos give.

    similarity: (K, ...) cosines with texts (K, D). Returns (K, ...).
    """
    spread = torch.einsum("kd,de,ke->k", texts, base.covariance, texts).clamp_min(1e-8).sqrt()
    shape = (-1, *[1] * (similarity.ndim - 1))
    return (similarity - (texts @ base.mean).view(shape)) / spread.view(shape)


def evidence(
    whole: Tensor, patches: Tensor, reference: Tensor, levels: Tensor, weights: tuple[float, float, float, float]
) -> Tensor:
    """The log-odds that a concept is in the photo at all; `sigmoid` of it is the concept's presence.

    A logistic model of three things: how unusually near the photo as a whole is to the name, and its best
    positions (both in the geometric mean of a standard deviation and of what exemplars show), and where its
    best positions lie between those of unrelated photos, 0, and of exemplars, 1, by the reference.

    Args:
        whole: (K,) and patches: (K, h, w), from `unusual`.
        reference: (K, h', w') cosines with the reference embeddings.
        levels: (K, 4), what exemplars show: `structures.Levels`.
        weights: of the three, and a constant.

    Returns:
        (K,).
    """
    shown_whole, shown_peak, match, usual = levels.T
    return (
        weights[0] * whole / shown_whole.clamp_min(LEAST_SHOWN).sqrt()
        + weights[1] * peak(patches) / shown_peak.clamp_min(LEAST_SHOWN).sqrt()
        + weights[2] * (peak(reference) - usual) / (match - usual).clamp_min(LEAST_RANGE)
        + weights[3]
    )


def peak(maps: Tensor) -> Tensor:
    """The mean of the best hundredth of positions: (K, h, w) -> (K,)."""
    flat = maps.flatten(1)
    return flat.topk(max(1, flat.shape[1] // 100), dim=1).values.mean(1)
