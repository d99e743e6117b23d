"""What photos of one kind, such as streets from a car, have in common: it says little about any one of them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from reco_core.pipeline import ReCo
from reco_core.types import References

FEW = 5  # photos that halve what is believed of all
SAMPLE = 100  # photos that are looked at
FLOOR = 1e-6  # of a variance
Photo = TypeVar("Photo")


def of_one_kind(reco: ReCo, references: References, photos: Iterable[np.ndarray]) -> References:
    """The same references for photos (H, W, 3) uint8 RGB of one kind: what all of them favour is taken off.

    One photo's log-odds of words tell a street from a kitchen. Over many streets "road" has high ones in each and "sky"
    low ones in each: the more alike a name's are from photo to photo, beside how much names differ, the less the
    difference says of the photos, and the more of it is taken off. Of photos of all sorts that is little. Nothing is
    taken off for models that were taught no words, and without photos.
    """
    seen = [whole for photo in photos if (whole := _words(reco, references, photo)) is not None]
    return replace(references, favoured=favoured(torch.stack(seen), len(references.concepts)) if seen else None)


def favoured(odds: Tensor, asked: int) -> Tensor:
    """What to take off, (K,), of the log-odds (N, K) that N photos give, by the share of the variance of the first
    `asked` that lies between names.
    """
    usual, own = odds.mean(0), odds[:, :asked]
    between, within = own.mean(0).var(correction=0), own.var(0, correction=0).mean()
    few = len(odds) / (len(odds) + FEW)
    return few * between / (between + within).clamp_min(FLOOR) * (usual - own.mean())


def sample(photos: Sequence[Photo]) -> Sequence[Photo]:
    """At most some `SAMPLE` of them, evenly spread."""
    return photos[:: max(1, len(photos) // SAMPLE)]


def _words(reco: ReCo, references: References, photo: np.ndarray) -> Tensor | None:
    concepts = (*references.concepts, *references.background)
    words = reco.scorer.compare(reco.encode(photo), concepts).words
    return None if words is None else words.photo.float().cpu()
