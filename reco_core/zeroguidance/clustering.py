"""Over-segmentation: positions with alike features grow together, from many small parts to the whole photo."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from scipy.cluster.hierarchy import linkage
from torch import Tensor

from reco_core.errors import OptionError
from reco_core.types import check_shape

TEMPERATURE = 0.05  # of cosines with parts' means: near the border of two parts a position belongs to both


@dataclass(frozen=True)
class Tree:
    """A hierarchy of parts of a photo.

    parts: (h, w) int64, numbers from 0 of the smallest ones, M of them. joins: pairs of nodes, the most alike first,
    M - 1 if all are joined in the end; the i-th makes node M + i. Nodes below M are the parts.
    """

    parts: np.ndarray
    joins: tuple[tuple[int, int], ...]

    @property
    def count(self) -> int:
        return int(self.parts.max()) + 1

    @property
    def members(self) -> tuple[frozenset[int], ...]:
        """The parts of every node."""
        found = [frozenset([part]) for part in range(self.count)]
        for one, other in self.joins:
            found.append(found[one] | found[other])
        return tuple(found)

    def cut(self, count: int) -> tuple[int, ...]:
        """The nodes of the photo in `count` pieces, or in as many as there are; in ascending order."""
        alive = set(range(self.count))
        for i, pair in enumerate(self.joins[: max(0, self.count - max(1, count))]):
            alive = alive - {*pair} | {self.count + i}
        return tuple(sorted(alive))


def grow_tree(features: Tensor, most: int) -> Tree:
    """Join positions by Ward's criterion (1963): always the two groups whose joining adds least variance.

    features: (h, w, C) float, norm 1. most: how many of the smallest parts remain. Groups need not be connected: a
    bush left and right of a tower is one.

    Raises:
        OptionError: `most` is below 1.
    """
    check_shape("features", features, (None, None, None))
    if most < 1:
        raise OptionError("a photo has at least one part", given=most)
    points = features.flatten(0, 1).double().cpu().numpy()
    count = len(points)
    most = min(most, count)
    steps = linkage(points, "ward")[:, :2].astype(int).tolist() if count > 1 else []
    owner = {i: [i] for i in range(count)}  # node of the linkage -> positions
    for i, (one, other) in enumerate(steps[: count - most]):
        owner[count + i] = owner.pop(one) + owner.pop(other)
    parts = np.empty(count, np.int64)
    numbers: dict[int, int] = {}
    for node, positions in sorted(owner.items(), key=lambda entry: min(entry[1])):  # in the order of first positions
        numbers[node] = len(numbers)
        parts[positions] = numbers[node]
    joins = []
    for i, (one, other) in enumerate(steps[count - most :]):
        joins.append((numbers[one], numbers[other]))
        numbers[count + count - most + i] = most + i
    return Tree(parts.reshape(features.shape[:2]), tuple(joins))


def part_affinities(features: Tensor, parts: np.ndarray, temperature: float = TEMPERATURE) -> Tensor:
    """How much every position belongs to every part: (M, h, w), cosines with the parts' mean features / temperature.

    features: (h, w, C), norm 1. parts: (h, w), numbers from 0, all of them used.
    """
    flat, where = features.flatten(0, 1), torch.from_numpy(parts).flatten().to(features.device)
    sums = torch.zeros(int(parts.max()) + 1, flat.shape[1], device=flat.device, dtype=flat.dtype)
    means = F.normalize(sums.index_add_(0, where, flat), dim=-1)
    return torch.einsum("hwc,kc->khw", features, means) / temperature
