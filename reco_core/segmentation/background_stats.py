"""What an archive's photos usually look like to a text, so that similarities can be counted in standard deviations."""

from typing import NamedTuple

import torch
from torch import Tensor

LEAST_VARIANCE = 1e-8


class BackgroundStats(NamedTuple):
    """How embeddings of many unrelated photos are distributed: mean (D,), covariance (D, D)."""

    mean: Tensor
    covariance: Tensor


def background_stats(embeddings: Tensor) -> BackgroundStats:
    """Mean and covariance of embeddings (N, D)."""
    mean = embeddings.mean(0)
    centred = embeddings - mean
    return BackgroundStats(mean, centred.T @ centred / len(embeddings))


def z_score(similarity: Tensor, texts: Tensor, stats: BackgroundStats) -> Tensor:
    """By how many standard deviations similarities exceed what unrelated photos give.

    similarity: (K, ...) cosines with texts (K, D). Returns (K, ...).
    """
    spread = torch.einsum("kd,de,ke->k", texts, stats.covariance, texts).clamp_min(LEAST_VARIANCE).sqrt()
    shape = (-1, *[1] * (similarity.ndim - 1))
    return (similarity - (texts @ stats.mean).view(shape)) / spread.view(shape)
