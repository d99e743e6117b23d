"""Results of photos without any model."""

import numpy as np
import torch

from reco_core.types import Concept, References, Segmentation


def made_of(labels: np.ndarray, presence: dict[str, float]) -> Segmentation:
    """A result with these labels (H, W) uint8; presence by name, in the order of the labels."""
    concepts = tuple(Concept(name, torch.ones(1), torch.ones(1)) for name in presence)
    scores = np.zeros((len(concepts) + 1, 2, 2), np.float32)
    return Segmentation(labels, scores, References(concepts), tuple(presence.values()))


def shapes() -> np.ndarray:
    """Labels (40, 60): 1 is a ring with a hole of 3, 2 is two parts, one of which is at the corner."""
    y, x = np.mgrid[:40, :60]
    apart = np.hypot(y - 20, x - 22)
    labels = np.where(apart < 15, 1, 0)
    labels[apart < 6] = 3
    labels[30:, 50:] = labels[3:12, 45:52] = 2
    return labels.astype(np.uint8)
