"""From names to text embeddings through a preset's prompt templates."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from reco_core.presets import IMAGENET_TEMPLATES


def expand(templates: tuple[str, ...]) -> tuple[str, ...]:
    """Templates with `presets.IMAGENET_TEMPLATES` replaced by the 80 that open_clip ships."""
    if IMAGENET_TEMPLATES not in templates:
        return templates
    from open_clip import OPENAI_IMAGENET_TEMPLATES

    shipped = tuple(template("{}") for template in OPENAI_IMAGENET_TEMPLATES)
    place = templates.index(IMAGENET_TEMPLATES)
    return templates[:place] + shipped + templates[place + 1 :]


def embed_names(
    names: tuple[str, ...],
    templates: tuple[str, ...],
    encode: Callable[[list[str]], Tensor],
    origin: Tensor | None = None,
) -> Tensor:
    """The normalised mean of a name's embeddings in every template, seen from `origin`.

    Args:
        names: K names.
        templates: each with one "{}", or `presets.IMAGENET_TEMPLATES`.
        encode: sentences -> (N, D), rows of norm 1.
        origin: (D,) subtracted before the last normalisation. Sentence encoders give any two names
            a large common part; without it sigmoid(10 cos) is flat.

    Returns:
        (K, D) float32, rows of norm 1. Source: Radford et al., "CLIP", 2021, section 3.1.4 (ensembling).
    """
    templates = expand(templates)
    sentences = [template.replace("{}", name) for name in names for template in templates]
    mean = encode(sentences).view(len(names), len(templates), -1).mean(1)
    return F.normalize(mean - (torch.zeros(1) if origin is None else origin), dim=-1)
