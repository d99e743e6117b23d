"""Maps of a photo: cosines of every position with vectors, on any grid, smoothed and compared. (K, h, w) throughout."""

import torch
import torch.nn.functional as F
from torch import Tensor


def similarities(maps: Tensor, vectors: Tensor) -> Tensor:
    """Cosine of every position with every concept: maps (h, w, C), vectors (K, C), norm 1 -> (K, h, w)."""
    return torch.einsum("hwc,kc->khw", maps, vectors)


def resize(maps: Tensor, size: tuple[int, ...]) -> Tensor:
    """Bilinear resize of (K, h, w) to (K, *size), corners not aligned."""
    return F.interpolate(maps[None], size=size, mode="bilinear", align_corners=False)[0]


def regrid(maps: Tensor, grid: tuple[int, ...]) -> Tensor:
    """Feature maps (B, h, w, C) of norm 1 on another grid, bilinear, of norm 1 again; on their own grid as they are."""
    if maps.shape[1:3] == grid:
        return maps
    resized = F.interpolate(maps.permute(0, 3, 1, 2), size=grid, mode="bilinear", align_corners=False)
    return F.normalize(resized.permute(0, 2, 3, 1), dim=-1)


def affinity(features: Tensor, gain: float, shift: float) -> Tensor:
    """How much position p should listen to position q, from co-segmentation features.

    features: (h, w, C) of norm 1. Returns (h w, h w), rows sum to 1: a softmax over the positive
    entries of gain (cos - shift mean cos); a position always listens to itself, so that rows of a
    plain photo, where nothing stands out, stay defined. Source: ProxyCLIP (Lan et al., ECCV 2024), eq. 6-8.
    """
    flat = features.flatten(0, 1)
    cosines = flat @ flat.T
    scaled = gain * (cosines - shift * cosines.mean())
    others = ~torch.eye(flat.shape[0], dtype=torch.bool, device=flat.device)
    return scaled.masked_fill((scaled <= 0) & others, -torch.inf).softmax(-1)


def smooth(maps: Tensor, weights: Tensor) -> Tensor:
    """Average maps (K, h, w) over positions by an affinity (h w, h w)."""
    return (maps.flatten(1) @ weights.T).view_as(maps)


def log_softmax_scores(maps: Tensor, temperature: float) -> Tensor:
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
