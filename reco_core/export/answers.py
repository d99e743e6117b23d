"""Is it there? One rule for what is said of a name: by the app, the commands and result.json."""

from typing import Literal, get_args

import numpy as np

from reco_core.types import Segmentation

Answer = Literal["found", "maybe", "absent"]
ANSWERS: tuple[Answer, ...] = get_args(Answer)
FOUND_FROM = 0.5  # presence below this is not found
LESS_SURE = 0.5  # of that: what is marked and at least so sure may be there
LEAST_SHARE = 0.0005  # of the pixels; a name that wins fewer has nothing marked


def answer(presence: float, share: float, found_from: float = FOUND_FROM) -> Answer:
    """What to say of a name with this presence and share of the photo. All three are 0..1.

    found: it is there, and some of it is marked. maybe: one of the two speaks for it: ReCo is sure, but nothing in the
    photo fits it best, or something is marked, but ReCo is less sure. absent: neither.
    """
    marked = share >= LEAST_SHARE
    if presence >= found_from:
        return "found" if marked else "maybe"
    return "maybe" if marked and presence >= LESS_SURE * found_from else "absent"


def is_found(presence: float, share: float, found_from: float = FOUND_FROM) -> bool:
    """Whether the answer is "found"."""
    return answer(presence, share, found_from) == "found"


def found_in(result: Segmentation, found_from: float = FOUND_FROM) -> list[int]:
    """The labels of the names that are found, in their order."""
    sure = enumerate(result.presence, 1)
    return [label for label, presence in sure if is_found(presence, result.share(label), found_from)]


def found_labels(result: Segmentation, found_from: float = FOUND_FROM) -> np.ndarray:
    """A result's labels (H, W) uint8 with 0 where the name is not found: what pictures show, so that they agree."""
    return np.where(np.isin(result.labels, found_in(result, found_from)), result.labels, 0).astype(np.uint8)
