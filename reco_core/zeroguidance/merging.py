"""Merging: segments that look alike and are called alike become one. Pure functions on arrays."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

AGREEMENT = 0.8  # from which on two segments are one (Rewatbowornwong et al., ICCV 2023, section 3.4)
SHARE_OF_IMAGE = 0.5  # of an agreement; the rest is that of the names


@dataclass(frozen=True)
class Group:
    """parts: those of the over-segmentation. size: its area. image: (D,), name: (E,), embeddings of norm 1."""

    parts: frozenset[int]
    size: float
    image: Tensor
    name: Tensor


def merge(
    groups: Sequence[Group], name: Callable[[frozenset[int]], Tensor], threshold: float = AGREEMENT
) -> list[Group]:
    """Join the two groups that agree most, name what comes out, and so on until none agree enough.

    Groups agree by half the cosine of their image embeddings plus half that of their names' (ICCV 2023, section
    3.4; there only siblings of a tree of features may join).

    name: from parts to the embedding of their name.
    """
    groups = list(groups)
    while len(groups) > 1:
        images, names = (torch.stack([getattr(group, of) for group in groups]) for of in ("image", "name"))
        agreement = SHARE_OF_IMAGE * images @ images.T + (1 - SHARE_OF_IMAGE) * names @ names.T
        agreement = agreement.tril(-1).masked_fill(torch.ones_like(agreement).triu().bool(), -torch.inf)
        later, earlier = divmod(int(agreement.argmax()), len(groups))
        if agreement[later, earlier] < threshold:
            break
        parts = groups[earlier].parts | groups[later].parts
        groups[earlier] = join(groups[earlier], groups.pop(later), name(parts))
    return groups


def join(one: Group, other: Group, name: Tensor) -> Group:
    """Two groups as one of this name; images are averaged by area."""
    image = F.normalize(one.image * one.size + other.image * other.size, dim=-1)
    return Group(one.parts | other.parts, one.size + other.size, image, name)
