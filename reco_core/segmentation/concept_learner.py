"""A concept from its exemplars: photos of an archive, found by a name or given by hand. No files, no caches."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from reco_core.archives.archive import Archive
from reco_core.errors import ArchiveError
from reco_core.methods import AuthorsCode, Method
from reco_core.models.encoders import Encoder
from reco_core.segmentation import cosegmentation, score_maps
from reco_core.segmentation.score_maps import Typical
from reco_core.types import GOOD, Concept, Exemplar, Levels, Retrieved

OUTSIDE = 1e-3  # weight of a taught photo's margin; weights must be positive
NEAREST = 10  # exemplars that say what a concept's photos show; the others are less likely to be of it
UNRELATED = 64  # photos that stand for the archive, at equal distances in it


@dataclass(frozen=True)
class Learner:
    """What learning needs; wholes, typical: of archive photos' embeddings, and of language maps' positions.

    unrelated: a cache of `_unrelated`, of this archive alone.
    """

    encoder: Encoder
    archive: Archive
    authors: AuthorsCode
    wholes: Typical
    typical: Typical
    unrelated: list[Tensor] = field(default_factory=list)

    def learn(
        self, name: str, k: int, method: Method, context: Sequence[Concept], exclude: frozenset[str] = frozenset()
    ) -> Concept:
        """From the k photos nearest to the name's text, but for those in `exclude` (PhotoRecord.file).

        Raises:
            ArchiveError: no photo is left.
        """
        text = self.encoder.embed_names((name,))[0]  # alone: in a batch, padding would change the last digits
        query = text if self.encoder.preset.one_text else self.encoder.embed_queries((name,))[0]
        found = self.archive.search(query, k, exclude)
        if not len(found.rows):
            raise ArchiveError(
                "no photo of the archive is left to learn from",
                given=name,
                remedy="Put some of the excluded photos back",
            )
        features = self._features(found.rows)
        language = self._language(found.rows if method.language_guidance else found.rows[:NEAREST])
        guidance = self._guidance(language, text, method) if method.language_guidance else None
        weights = self._weights(features, guidance, text, method, context)
        return self._cosegment(name, text, features, language, weights, found, method)

    def teach(self, name: str, rows: Sequence[int], method: Method, context: Sequence[Concept]) -> Concept:
        """From these photos alone, whatever the name: its text is the mean language at their seeds.

        What guides the seeds instead of a text is what the photos as a whole have in common.

        Raises:
            ArchiveError: no photos are given.
        """
        if not len(rows):
            raise ArchiveError("nothing to learn from", given=name, expected="a few photos of the thing")
        found = Retrieved(np.asarray(rows), np.ones(len(rows), np.float32))
        features, language = self._features(found.rows), self._language(found.rows)
        comparable = self.encoder.preset.one_text  # what archives are searched by, with language maps
        wholes = self.archive.embeddings(found.rows) if comparable else language.flatten(0, 2).cpu()
        common = F.normalize(wholes.mean(0), dim=0)
        guidance = self._guidance(language, common, method) if method.language_guidance else None
        weights = self._weights(features, guidance, common, method, context) * self._inside().to(features.device)
        return self._cosegment(name, None, features, language, weights, found, method)

    def _features(self, rows: np.ndarray) -> Tensor:
        """Features (k, h w, C) of photos."""
        return self.archive.features(rows).to(self.encoder.device)

    def _language(self, rows: np.ndarray) -> Tensor:
        """Language maps (k, h', w', D) of photos."""
        return self.archive.language(rows).unflatten(1, self.archive.language_grid).to(self.encoder.device)

    def _weights(
        self, features: Tensor, guidance: Tensor | None, text: Tensor, method: Method, context: Sequence[Concept]
    ) -> Tensor:
        """Column weights (k, h w): language guidance, if any, x context elimination."""
        device = features.device
        weights = torch.ones(features.shape[:2], device=device) if guidance is None else guidance
        if context and method.context_elimination:
            others = torch.stack([concept.reference for concept in context]).to(device)
            shares = self._shares(text.cpu(), context).to(device) if method.spare_context else None
            weights = weights * cosegmentation.context_elimination(features, others, shares)
        return weights

    def _inside(self) -> Tensor:
        """Weights (h w,) that all but exclude a preset's margin: what a network notes there
        (`MiniEncoder.encode_photo`) is what all photos share most, and no text tells it from the thing.
        """
        height, width = self.archive.grid
        margin = self.encoder.preset.margin
        weights = torch.full((height, width), OUTSIDE)
        weights[margin : height - margin, margin : width - margin] = 1
        return weights.flatten()

    def _guidance(self, language: Tensor, text: Tensor, method: Method) -> Tensor:
        text = text.to(language.device)
        if self.authors.guidance_resized and not method.calibrate:
            guidance = cosegmentation.language_guidance(language, text)
            return score_maps.resize(guidance, self.archive.grid).flatten(1)
        maps = score_maps.regrid(language, self.archive.grid).flatten(1, 2)
        if not method.calibrate:
            return cosegmentation.language_guidance(maps, text)
        unusual = score_maps.unusual((maps @ text)[None], text[None], self.typical)[0]
        return cosegmentation.calibrated_guidance(unusual)

    def _shares(self, text: Tensor, context: Sequence[Concept]) -> Tensor:
        words, usual = torch.stack([concept.text for concept in context]), self.encoder.preset.unrelated
        usual = cosegmentation.usual_cosine(words) if usual is None else usual
        return cosegmentation.context_shares(text, words, usual)

    def _cosegment(
        self,
        name: str,
        text: Tensor | None,
        features: Tensor,
        language: Tensor,
        weights: Tensor,
        found: Retrieved,
        method: Method,
    ) -> Concept:
        """The concept; its text is the seeds' mean language if there is none yet."""
        result = cosegmentation.cosegment(
            features,
            weights,
            weight_rows=method.weigh_seeds,
            authors_span=self.authors.span,
            normalise_seeds=not self.authors.raw_seeds,
        )
        height, width = self.archive.grid
        if text is None:
            maps = score_maps.regrid(language, self.archive.grid).flatten(1, 2)
            text = F.normalize(maps[torch.arange(len(maps)), result.seeds].mean(0), dim=0).cpu()
        exemplars = []
        for i, row in enumerate(found.rows):
            seed = int(result.seeds[i])
            point = ((seed // width + 0.5) / height, (seed % width + 0.5) / width)
            exemplars.append(
                Exemplar(
                    int(row),
                    float(found.similarity[i]),
                    point,
                    float(result.support[i, seed]),
                    self.archive.records[row],
                )
            )
        levels = self._levels(text, result.reference, features[:NEAREST], language[:NEAREST], found.rows[:NEAREST])
        return Concept(name, text, result.reference.cpu(), tuple(exemplars), self.served(exemplars), levels)

    def _levels(self, text: Tensor, reference: Tensor, features: Tensor, language: Tensor, rows: np.ndarray) -> Levels:
        """What the nearest exemplars show: text (D,), reference (C,), features (k, h w, C), language (k, h', w', D)."""
        patches = score_maps.unusual(
            (language @ text.to(language.device))[None], text.to(language.device)[None], self.typical
        )[0]
        whole = GOOD.whole
        if self.encoder.preset.one_text:  # else archives are searched by other embeddings than those of photos
            near = self.archive.embeddings(rows).to(self.typical.mean.device) @ text.to(self.typical.mean.device)
            whole = float(score_maps.unusual(near[None], text.to(near.device)[None], self.wholes).mean())
        match, usual = (
            float(score_maps.peak((maps @ reference)[:, None]).mean()) for maps in (features, self._unrelated())
        )
        return Levels(whole, float(score_maps.peak(patches).mean()), match, usual)

    def _unrelated(self) -> Tensor:
        """Features (n, h w, C) of photos from all over the archive, read once."""
        if not self.unrelated:
            rows = np.linspace(0, len(self.archive) - 1, min(UNRELATED, len(self.archive))).astype(int)
            self.unrelated.append(self._features(rows))
        return self.unrelated[0]

    def served(self, exemplars: Sequence[Exemplar]) -> bool:
        """Whether photos are near enough to a name's text to be of it."""
        return float(np.mean([e.similarity for e in exemplars[:5]])) >= self.encoder.preset.served
