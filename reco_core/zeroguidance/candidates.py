"""Which names may be in a photo. ReCo learns them and lets them compete for it."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from reco_core.zeroguidance import naming
from reco_core.zeroguidance.vocabulary import Vocabulary

CANDIDATES = 8
LEAST_SEEN = 0.02  # of the photo, at which a taught word says more than any other


def seen_names(words: Sequence[str], areas: np.ndarray, vocabulary: Collection[str]) -> list[str]:
    """The words that say most of some of the photo, the largest first, without those that the vocabulary lacks.

    words: W taught words. areas: (W,), see `PhotoScorer.word_areas`. vocabulary: names, casefolded.
    """
    order = sorted(np.flatnonzero(areas >= LEAST_SEEN).tolist(), key=lambda word: -areas[word])
    return [words[word] for word in order if words[word].casefold() in vocabulary]


def read_names(pooled: np.ndarray, areas: np.ndarray, vocabulary: Vocabulary) -> list[str]:
    """The names that most speaks for: by probability and, less, by area.

    pooled: (S, N), see `naming.add_kinds`, of segments that have `areas` (S,), shares of the photo.
    """
    best = naming.choose_names(pooled, vocabulary.information)
    weight: dict[str, float] = {}
    for row, sure, area in zip(best, pooled[np.arange(len(best)), best], areas, strict=True):
        name = vocabulary.names[row]
        weight[name] = max(weight.get(name, 0.0), float(sure * area**0.5))
    return sorted(weight, key=lambda name: -weight[name])


def without_general(
    read: Sequence[str], seen: Sequence[str], vocabulary: Vocabulary, rows: Mapping[str, int]
) -> list[str]:
    """Of names that are read those of which no seen one is a kind: where a dog is seen, "canine" says less."""
    kinds = [rows[name.casefold()] for name in seen]
    return [name for name in read if not vocabulary.below[rows[name.casefold()], kinds].sum() > 0]


def choose(seen: Sequence[str], read: Sequence[str], away: Collection[str]) -> tuple[str, ...]:
    """All names that are seen, and of those that are read as many as there are places. away: casefolded, not these."""
    found: dict[str, str] = {}
    for i, name in enumerate((*seen, *read)):
        if name.casefold() not in away and (i < len(seen) or len(found) < CANDIDATES):
            found.setdefault(name.casefold(), name)
    return tuple(found.values())
