"""Concepts in a photo: what a method's switches add up to, in order. No files, no caches."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from reco_core.methods import SURROUNDINGS, Method, Temperatures
from reco_core.presets import Preset
from reco_core.segmentation import score_maps
from reco_core.segmentation.score_maps import Typical
from reco_core.types import Encoded, References

LIKELIER = math.log(2)  # evidence for sky, wall, ...: when asked for, one in two is there, of other names one in three


class Marked(NamedTuple):
    """scores: (K + 1, H, W), what the argmax is taken of, background first. evidence: (K,), log-odds that it is
    there.
    """

    scores: Tensor
    evidence: Tensor


@dataclass(frozen=True)
class Marker:
    """What marking needs; wholes, patches: of archive photos' embeddings, and of language maps' positions."""

    preset: Preset
    wholes: Typical
    patches: Typical

    def mark(
        self,
        photo: np.ndarray,
        encoded: Encoded,
        references: References,
        method: Method,
        temperatures: Temperatures | None = None,
    ) -> Marked:
        """Score a photo (H, W, 3) uint8, of which a batch of one was encoded, at its own size."""
        asked = len(references.concepts)
        scores, evidence = self.compete(photo, encoded, references, method, temperatures)
        return Marked(score_maps.merge_background(scores, asked), evidence[:asked])

    def compete(
        self,
        photo: np.ndarray,
        encoded: Encoded,
        references: References,
        method: Method,
        temperatures: Temperatures | None = None,
    ) -> Marked:
        """As `mark`, with every background word on its own, behind the asked names: (K + B, H, W) and (K + B,)."""
        everything, device = (*references.concepts, *references.background), encoded.features.device
        texts = torch.stack([concept.text for concept in everything]).to(device)
        language = score_maps.similarities(encoded.language[0], texts)
        vectors = torch.stack([concept.reference for concept in everything]).to(device)
        reference = score_maps.similarities(encoded.features[0], vectors)
        whole, unusual = self.unusual(encoded, texts, language)
        levels = torch.tensor([concept.levels for concept in everything], device=device)
        around = torch.tensor([concept.name.casefold() in SURROUNDINGS for concept in everything], device=device)
        evidence = score_maps.evidence(whole, unusual, reference, levels, self.preset.presence)
        size, asked = photo.shape[:2], len(references.concepts)
        if method.compare:
            t = temperatures or self.preset.temperatures
            factors = (
                (reference, t.reference, method.reference),
                (unusual, t.unusual, method.language and method.calibrate),
                (language, t.language, method.language and not method.calibrate),
            )
            expected = around.clone()
            expected[asked:] = True
            scores = score_maps.resize(_compare(factors, encoded.features[0], evidence, expected, method, t), size)
        else:
            scores = score_maps.reco_scores(
                reference if method.reference else None, language if method.language else None, size
            )
        return Marked(scores, evidence + LIKELIER * around)

    def unusual(self, encoded: Encoded, texts: Tensor, language: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """By how many standard deviations a photo (batch of one) is nearer to texts (K, D) than archive photos are.

        language: its positions' cosines with the texts, if they are known already.
        Returns the photo as a whole (K,) and its positions (K, h, w).
        """
        language = score_maps.similarities(encoded.language[0], texts) if language is None else language
        return (
            score_maps.unusual(texts @ encoded.embedding[0], texts, self.wholes),
            score_maps.unusual(language, texts, self.patches),
        )


def _compare(
    factors: Sequence[tuple[Tensor, float, bool]],
    features: Tensor,
    evidence: Tensor,
    expected: Tensor,
    method: Method,
    t: Temperatures,
) -> Tensor:
    """reco2's scores: log-probabilities of every factor (maps, temperature, whether it enters), added."""
    scores = torch.zeros(len(evidence), *features.shape[:2], device=features.device)
    weights = score_maps.affinity(features, t.affinity_gain, t.affinity_shift) if method.affinity else None
    for maps, temperature, enters in factors:
        if enters:
            fitting = maps if maps.shape[1:] == scores.shape[1:] else score_maps.resize(maps, scores.shape[1:])
            smoothed = fitting if weights is None else score_maps.smooth(fitting, weights)
            scores = scores + score_maps.compete(smoothed, temperature)
    if method.gate:
        counted = evidence.clamp(max=t.certain)
        if method.expect_background:
            counted = torch.where(expected, counted.clamp(min=t.expected), counted)
        scores = scores + score_maps.compete(counted, t.evidence)[:, None, None]
    return scores
