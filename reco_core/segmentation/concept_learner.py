"""A concept from its exemplars: where they show it, what it looks like there, and what they show of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from reco_core.methods import Learning
from reco_core.segmentation import cosegmentation
from reco_core.segmentation.background_stats import BackgroundStats, z_score
from reco_core.segmentation.cosegmentation import Cosegmented
from reco_core.segmentation.presence import peak
from reco_core.segmentation.score_maps import regrid
from reco_core.types import GOOD_EXEMPLARS, Concept, Exemplar, ExemplarMaps, ExemplarStats

OUTSIDE = 1e-3  # weight of a taught photo's margin; weights must be positive
NEAREST = 10  # exemplars that say what a concept's photos show; the others are less likely to be of it
ENOUGH = 3  # photos that are called so: the archive has such a thing, and it can be learned from them
BEST = 5  # exemplars whose similarity says whether the archive has such a thing


@dataclass(frozen=True)
class ConceptLearner:
    """What learning needs besides exemplars; all of one preset and archive.

    grid: (height, width) of features. margin: positions at its edges that are not trusted in taught photos.
    in_archive_from: mean similarity of the best exemplars below which the archive has no such thing.
    unrelated_cosine: of two unrelated names' texts; None: the context words', on average.
    photo_stats, position_stats: of archive photos' embeddings, and of their language maps' positions.
    unrelated: reads features (m, h w, C) of photos from all over the archive, once.
    """

    grid: tuple[int, int]
    margin: int
    in_archive_from: float
    unrelated_cosine: float | None
    photo_stats: BackgroundStats
    position_stats: BackgroundStats
    unrelated: Callable[[], Tensor]

    def learn(
        self, name: str, text: Tensor, maps: ExemplarMaps, learning: Learning, context: Sequence[Concept]
    ) -> Concept:
        """From exemplars that were found by the name's text (D,), norm 1. context: what is around the thing."""
        weights = self.weights(maps, text, learning, context)
        return self._concept(name, text, maps, self.cosegment(maps.features, weights, learning))

    def teach(self, name: str, maps: ExemplarMaps, learning: Learning, context: Sequence[Concept]) -> Concept:
        """From photos of the thing alone, whatever the name: its text is the mean language at their seeds.

        What guides the seeds instead of a text is what the photos as a whole have in common.
        """
        photos = maps.language.flatten(0, 2).cpu() if maps.embeddings is None else maps.embeddings
        common = F.normalize(photos.mean(0), dim=0)  # (D,)
        weights = self.weights(maps, common, learning, context)
        found = self.cosegment(maps.features, weights * self._inside().to(weights.device), learning)
        language = regrid(maps.language, self.grid).flatten(1, 2)  # (k, h w, D)
        text = F.normalize(language[torch.arange(len(language)), found.seeds].mean(0), dim=0).cpu()
        return self._concept(name, text, maps, found)

    def guidance(self, language: Tensor, text: Tensor, learning: Learning) -> Tensor:
        """Language guidance (k, h w) of language maps (k, h', w', D)."""
        text = text.to(language.device)
        maps = regrid(language, self.grid).flatten(1, 2)  # (k, h w, D)
        if not learning.calibrate:
            return cosegmentation.language_guidance(maps, text)
        return cosegmentation.calibrated_guidance(z_score((maps @ text)[None], text[None], self.position_stats)[0])

    def weights(self, maps: ExemplarMaps, text: Tensor, learning: Learning, context: Sequence[Concept]) -> Tensor:
        """Column weights (k, h w) of features (k, h w, C): those of LGC and CE that are on."""
        features, device = maps.features, maps.features.device
        if learning.language_guidance:
            weights = self.guidance(maps.language, text, learning)
        else:
            weights = torch.ones(features.shape[:2], device=device)
        if context and learning.context_elimination:
            others = torch.stack([concept.reference for concept in context]).to(device)  # (c, C)
            shares = self._shares(text.cpu(), context).to(device) if learning.spare_context else None
            weights = weights * cosegmentation.context_elimination(features, others, shares)
        return weights

    def cosegment(self, features: Tensor, weights: Tensor, learning: Learning) -> Cosegmented:
        """Seeds of exemplars and their mean."""
        return cosegmentation.cosegment(features, weights, weight_rows=learning.weigh_seeds)

    def is_in_archive(self, exemplars: Sequence[Exemplar]) -> bool:
        """Whether photos are near enough to a name's text to be of it, or enough of them are called so."""
        called = sum(exemplar.why in ("title", "both") for exemplar in exemplars)
        return called >= ENOUGH or float(np.mean([e.similarity for e in exemplars[:BEST]])) >= self.in_archive_from

    def _inside(self) -> Tensor:
        """Weights (h w,) that all but exclude a preset's margin: what a network notes there is what all photos share
        most (`MiniEncoder.encode_photo`), and no text tells it from the thing.
        """
        (height, width), margin = self.grid, self.margin
        weights = torch.full((height, width), OUTSIDE)
        weights[margin : height - margin, margin : width - margin] = 1
        return weights.flatten()

    def _shares(self, text: Tensor, context: Sequence[Concept]) -> Tensor:
        words, usual = torch.stack([concept.text for concept in context]), self.unrelated_cosine
        usual = cosegmentation.usual_cosine(words) if usual is None else usual
        return cosegmentation.context_shares(text, words, usual)

    def _concept(self, name: str, text: Tensor, maps: ExemplarMaps, found: Cosegmented) -> Concept:
        height, width = self.grid
        exemplars = []
        for i, (row, record, why) in enumerate(zip(maps.found.rows, maps.records, maps.found.why, strict=True)):
            seed, similarity = int(found.seeds[i]), float(maps.found.similarity[i])
            point = ((seed // width + 0.5) / height, (seed % width + 0.5) / width)
            exemplars.append(Exemplar(int(row), similarity, point, float(found.support[i, seed]), record, why))
        stats = self._stats(text, found.reference, maps)
        reference = found.reference.cpu()
        return Concept(name, text, reference, tuple(exemplars), self.is_in_archive(exemplars), stats)

    def _stats(self, text: Tensor, reference: Tensor, maps: ExemplarMaps) -> ExemplarStats:
        """What the nearest exemplars show of a text (D,) and a reference (C,)."""
        here = text.to(maps.language.device)
        language_z = z_score((maps.language[:NEAREST] @ here)[None], here[None], self.position_stats)[0]  # (n, h', w')
        photo_z = GOOD_EXEMPLARS.photo_z
        if maps.embeddings is not None:
            there = text.to(self.photo_stats.mean.device)
            near = maps.embeddings[:NEAREST].to(there.device) @ there  # (n,)
            photo_z = float(z_score(near[None], there[None], self.photo_stats).mean())
        match = float(peak((maps.features[:NEAREST] @ reference)[:, None]).mean())
        usual = float(peak((self.unrelated() @ reference)[:, None]).mean())
        return ExemplarStats(photo_z, float(peak(language_z).mean()), match, usual)
