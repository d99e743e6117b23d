"""Labels that ReCo gives unlabelled photos, and how sure it is of each pixel; what a specialist learns from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from reco_core.methods import Method
from reco_core.models.encoders import Encoder
from reco_core.pipeline import ReCo
from reco_core.segmentation import refinement
from reco_core.types import References

NONE = "background"  # label 0: what is none of the names
IGNORED = 255  # the label of pixels that teach nothing
LEVELS = 256  # of confidence, uint8
CERTAIN = 0.9  # pixels that are surer than this always teach
RAREST = 1e-3  # share of pixels below which a label does not count more
FLOOR = 1e-6  # of probabilities, whose logarithm the refinement is given
# A photo (H, W, 3) uint8 -> probabilities (K + 1, H, W), background first.
Labeller = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Labelled:
    """labels: (H, W) uint8, 0 = background. confidence: (H, W) uint8, the probability of the label, 255 = 1."""

    labels: np.ndarray
    confidence: np.ndarray


def views_of(reco: ReCo, references: References, method: Method, scales: Sequence[float]) -> list[Labeller]:
    """ReCo as it sees a photo at several sizes: its own short side times each of the scales."""

    def view(encoder: Encoder, photo: np.ndarray) -> np.ndarray:
        scored = reco.scorer.score(encoder.encode_photo(photo), references, photo.shape[:2], method.scoring)
        return scored.scores.softmax(0).cpu().numpy()

    side = reco.encoder.preset.photo_side
    return [partial(view, reco.encoder.at_side(round(side * scale))) for scale in scales]


def label(photo: np.ndarray, views: Sequence[Labeller]) -> Labelled:
    """Label a photo (H, W, 3) uint8: the mean of all views, of it and of its mirror image, drawn along
    its edges.

    What the views disagree about has a low probability in the mean, so confidence is also agreement.
    """
    mirrored = np.ascontiguousarray(photo[:, ::-1])
    mean = np.mean([seen for view in views for seen in (view(photo), view(mirrored)[:, :, ::-1])], axis=0)
    labels = refinement.refine(photo, torch.from_numpy(np.log(mean + FLOOR))).numpy()
    chosen = np.take_along_axis(mean, labels[None].astype(np.int64), 0)[0]
    return Labelled(labels.astype(np.uint8), np.round(chosen * (LEVELS - 1)).astype(np.uint8))


class Tally:
    """Pixels by label and confidence, counted photo by photo: (classes, 256) int64."""

    def __init__(self, classes: int) -> None:
        self.counts = np.zeros((classes, LEVELS), np.int64)

    def add(self, labelled: Labelled) -> None:
        codes = labelled.labels.astype(np.int64) * LEVELS + labelled.confidence
        self.counts += np.bincount(codes.ravel(), minlength=self.counts.size).reshape(self.counts.shape)

    @property
    def shares(self) -> np.ndarray:
        """The share of all pixels that each label has: (classes,), 0..1."""
        return self.counts.sum(1) / max(1, self.counts.sum())

    def thresholds(self, unsure: float) -> np.ndarray:
        """For each label the least confidence that teaches, (classes,) uint8.

        A share `unsure` of the label's pixels, the least sure, are below it, but none that is surer than `CERTAIN`. One
        threshold for all would silence labels that are never sure (class-balanced self-training, Zou et al., ECCV
        2018, section 4.2).
        """
        below = self.counts.cumsum(1)
        first = (below > unsure * below[:, -1:]).argmax(1)  # the first level that the rest begins with
        return np.minimum(first, round(CERTAIN * (LEVELS - 1))).astype(np.uint8)

    def weights(self, balance: float) -> np.ndarray:
        """What a pixel of each label counts in training, (classes,) float32: its label's share to the power of
        -balance.

        Scaled so that pixels count 1 on average; shares below `RAREST` count as that, so that no label outshouts all.
        """
        weights = np.maximum(self.shares, RAREST) ** -balance
        return (weights / max(float((weights * self.shares).sum()), FLOOR)).astype(np.float32)


def keep_sure(labelled: Labelled, thresholds: np.ndarray) -> np.ndarray:
    """Labels (H, W) uint8 with `IGNORED` where confidence is below the label's threshold."""
    return np.where(labelled.confidence < thresholds[labelled.labels], IGNORED, labelled.labels).astype(np.uint8)
