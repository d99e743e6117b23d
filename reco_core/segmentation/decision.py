"""How a name's pixels were decided, as maps to be looked at: what it looks like, what it sounds like, both together."""

from typing import NamedTuple

import torch
from torch import Tensor

from reco_core.methods import Scoring
from reco_core.segmentation import score_maps
from reco_core.segmentation.scorers import Similarity
from reco_core.types import ExemplarStats

FINE = 4  # times as fine as the grid of features
LOOKS, SOUNDS, TOGETHER = "Looks like the photos it learned from", "Sounds like the name", "Together"


class DecisionMap(NamedTuple):
    """A title in plain words, and how much each position speaks for the name: (h, w) uint8."""

    title: str
    values: Tensor


def decision_size(seen: Similarity) -> tuple[int, int]:
    """The size (h, w) of all decision maps of a photo."""
    height, width = seen.reference.shape[1:]
    return FINE * height, FINE * width


def decision_maps(
    seen: Similarity, scores: Tensor, label: int, stats: ExemplarStats, options: Scoring
) -> tuple[DecisionMap, ...]:
    """What went into one name's pixels, of that which the method uses, and what came out.

    seen: of this name alone. scores: (K + 1, h, w), background first, of `decision_size`. label: the name's, from 1.
    stats: what its exemplars show; a photo that shows less stays dark, so that noise does not look like a find.

    The last map is brighter than half where the name wins, and darker elsewhere.
    """
    size, maps = decision_size(seen), []
    if options.reference and options.scorer != "denseclip":
        maps.append(DecisionMap(LOOKS, _lit(score_maps.resize(seen.reference, size)[0], stats.match)))
    if options.language:
        maps.append(DecisionMap(SOUNDS, _lit(score_maps.resize(seen.language_z, size)[0], stats.peak_z)))
    others = torch.cat([scores[:label], scores[label + 1 :]]).amax(0)
    alone = torch.finfo(scores.dtype).min / 2  # nothing competes: see `score_maps.merge_background`
    margin = scores[label] - others if float(others.max()) > alone else scores[label] - scores[label].min()
    scale = margin.abs().quantile(0.98).clamp_min(1e-6)
    maps.append(DecisionMap(TOGETHER, _grey(0.5 + 0.5 * margin / scale)))
    return tuple(maps)


def _lit(values: Tensor, bright: float) -> Tensor:
    """From black at the least to white at what exemplars show, or at more if there is more."""
    low, high = float(values.min()), max(float(values.max()), bright)
    return _grey((values - low) / max(high - low, 1e-6))


def _grey(values: Tensor) -> Tensor:
    return (255 * values.clamp(0, 1)).round().byte().cpu()
