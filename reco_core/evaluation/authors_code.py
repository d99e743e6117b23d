"""ReCo as its authors' code does it where that differs from the paper's text, for `bench --authors-code`.

None of their code is here. Every difference is an option of its own, so that a test, or a curious reader, can see what
each one does.
"""

from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from reco_core.archives.archive import Archive
from reco_core.archives.concept_library import ConceptLibrary
from reco_core.archives.stored_concepts import ConceptKey
from reco_core.methods import Learning
from reco_core.models.encoder import Encoder
from reco_core.pipeline import ReCo
from reco_core.presets import IMAGENET_MEAN, IMAGENET_STD
from reco_core.segmentation import cosegmentation
from reco_core.segmentation.concept_learner import ConceptLearner
from reco_core.segmentation.cosegmentation import Cosegmented, image_maxima
from reco_core.segmentation.rounding import rounded
from reco_core.segmentation.score_maps import resize
from reco_core.types import Concept


@dataclass(frozen=True)
class AuthorsCode:
    """Which differences are taken over.

    span: image i's maximum is taken over images i..2i (an end index that is used as a length). raw_seeds: raw seed
    features are averaged. guidance_resized: LGC is computed on the language model's grid and then resized, not its
    features before. imagenet_mean: every model is fed ImageNet's mean and std. nearest_resize: photos are resized with
    nearest neighbour. vegetation_is_tree: "vegetation" reuses the reference of "tree".
    """

    span: bool = False
    raw_seeds: bool = False
    guidance_resized: bool = False
    imagenet_mean: bool = False
    nearest_resize: bool = False
    vegetation_is_tree: bool = False


ALL = AuthorsCode(True, True, True, True, True, True)


def as_authors_code(reco: ReCo, authors: AuthorsCode = ALL) -> ReCo:
    """The same models and archive; what was learned before, by the text, is not used."""
    encoder = feed_as_authors(reco.encoder, authors)
    return ReCo(encoder, reco.archive, concepts=AuthorsConcepts(encoder, reco.archive, authors))


def feed_as_authors(encoder: Encoder, authors: AuthorsCode) -> Encoder:
    """The same models, shown photos as the authors' code shows them."""
    if authors.imagenet_mean:
        preset = encoder.preset
        fed: dict[str, Any] = {"mean": IMAGENET_MEAN, "std": IMAGENET_STD}
        language, features = replace(preset.language, **fed), replace(preset.features, **fed)
        encoder = replace(encoder, preset=replace(preset, language=language, features=features))
    return replace(encoder, resample=Image.Resampling.NEAREST) if authors.nearest_resize else encoder


def span_maxima(maxima: Tensor) -> Tensor:
    """Maxima (..., k) over images j as maxima over images j..2j, as far as there are any: (..., k)."""
    k = maxima.shape[-1]
    return torch.stack([maxima[..., i : min(2 * i, k - 1) + 1].amax(-1) for i in range(k)], dim=-1)


def cosegment(features: Tensor, weights: Tensor, authors: AuthorsCode) -> Cosegmented:
    """As `cosegmentation.cosegment`, of features (k, n, C) and column weights (k, n), the authors' way."""
    unit = F.normalize(features.float(), dim=-1)
    maxima = image_maxima(rounded(unit * weights[..., None], torch.float32))  # (k, n, k)
    support = (span_maxima(maxima) if authors.span else maxima).mean(-1) / weights  # (k, n)
    seeds = support.argmax(-1)  # (k,)
    picked = (features.float() if authors.raw_seeds else unit)[torch.arange(len(features)), seeds]  # (k, C)
    return Cosegmented(F.normalize(picked.mean(0), dim=-1), seeds, support)


@dataclass(frozen=True)
class _AuthorsLearner(ConceptLearner):
    authors: AuthorsCode

    def guidance(self, language: Tensor, text: Tensor, learning: Learning) -> Tensor:
        if not self.authors.guidance_resized or learning.calibrate:
            return super().guidance(language, text, learning)
        guidance = cosegmentation.language_guidance(language, text.to(language.device))  # (k, h', w')
        return resize(guidance, self.grid).flatten(1)

    def cosegment(self, features: Tensor, weights: Tensor, learning: Learning) -> Cosegmented:
        if learning.weigh_seeds:  # ours: the authors have no such method
            return super().cosegment(features, weights, learning)
        return cosegment(features, weights, self.authors)


class AuthorsConcepts(ConceptLibrary):
    """Concepts learned the authors' way."""

    def __init__(self, encoder: Encoder, archive: Archive, authors: AuthorsCode) -> None:
        self.authors = authors
        super().__init__(encoder, archive)

    def get(self, name: str, *how: Any, **options: Any) -> Concept:
        if not self.authors.vegetation_is_tree or name.casefold() != "vegetation":
            return super().get(name, *how, **options)
        tree = super().get("tree", *how, **options)
        return replace(tree, name=name, text=self.encoder.embed_names((name,))[0])

    def _read_stored(self) -> dict[ConceptKey, Concept]:
        return {}  # they were learned by the text

    def _make_learner(self) -> ConceptLearner:
        return _AuthorsLearner(**vars(super()._make_learner()), authors=self.authors)
