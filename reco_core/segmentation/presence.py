"""Is a concept in the photo at all? An estimate from what its own exemplars show."""

import math

from torch import Tensor

LEAST_SHOWN, LEAST_RANGE = 0.5, 0.2  # of exemplars' statistics, so that poor exemplars do not blow the odds up
WORD_WEIGHTS = (0.56, 0.6, 0.85)  # of a word's log-odds in the photo, at its best positions, and a constant
SURROUNDINGS_PRIOR = math.log(2)  # sky, wall, ...: when asked for, one in two is there, of other names one in three


def log_odds(
    photo_z: Tensor, position_z: Tensor, reference: Tensor, stats: Tensor, weights: tuple[float, float, float, float]
) -> Tensor:
    """The log-odds that a concept is in the photo; `sigmoid` of it is the concept's presence.

    A logistic model of three things: how unusually near the photo as a whole is to the name, and its best
    positions (both in the geometric mean of a standard deviation and of what exemplars show), and where its
    best positions lie between those of unrelated photos, 0, and of exemplars, 1, by the reference.

    Args:
        photo_z: (K,) and position_z: (K, h, w), from `background_stats.z_score`.
        reference: (K, h', w') cosines with the reference embeddings.
        stats: (K, 4), what exemplars show: `types.ExemplarStats`.
        weights: of the three, and a constant.

    Returns:
        (K,).
    """
    shown_photo, shown_peak, match, usual = stats.T
    return (
        weights[0] * photo_z / shown_photo.clamp_min(LEAST_SHOWN).sqrt()
        + weights[1] * peak(position_z) / shown_peak.clamp_min(LEAST_SHOWN).sqrt()
        + weights[2] * (peak(reference) - usual) / (match - usual).clamp_min(LEAST_RANGE)
        + weights[3]
    )


def word_log_odds(photo: Tensor, maps: Tensor, weights: tuple[float, float, float] = WORD_WEIGHTS) -> Tensor:
    """The log-odds (K,) that words are in the photo, from those of the photo (K,) and of its positions (K, h, w)."""
    return weights[0] * photo + weights[1] * peak(maps) + weights[2]


def peak(maps: Tensor) -> Tensor:
    """The mean of the best hundredth of positions: (K, h, w) -> (K,)."""
    flat = maps.flatten(1)
    return flat.topk(max(1, flat.shape[1] // 100), dim=1).values.mean(1)
