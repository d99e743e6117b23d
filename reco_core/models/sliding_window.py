"""Sliding windows: maps of a photo that is larger than the models were made for."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from reco_core.types import Encoded

MAPS = ("language", "features")


def starts(length: int, window: int, stride: int) -> list[int]:
    """Where windows begin so that they cover `length`; the last one ends with it. One window if it is enough."""
    if length <= window:
        return [0]
    return [*range(0, length - window, stride), length - window]


def slide(
    for_language: Tensor, for_features: Tensor, read: Callable[[Tensor, Tensor], Encoded], window: int, stride: int
) -> Encoded:
    """Read a photo window by window; where windows overlap, maps are averaged.

    Args:
        for_language, for_features: the photo (1, 3, H, W), normalised for either model; window, stride, H and
            W must be multiples of both models' patches.
        read: encodes a window.

    Returns:
        maps of the whole photo, of norm 1; the embedding is the mean over windows.
    """
    height, width = for_language.shape[-2:]
    sums: dict[str, Tensor] = {}
    embeddings = []
    h, w = min(window, height), min(window, width)
    for top in starts(height, window, stride):
        for left in starts(width, window, stride):
            part = (..., slice(top, top + window), slice(left, left + window))
            encoded = read(for_language[part], for_features[part])
            embeddings.append(encoded.embedding)
            for name in MAPS:
                maps = getattr(encoded, name)
                rows, columns = maps.shape[1:3]
                if name not in sums:
                    sums[name] = maps.new_zeros(1, height * rows // h, width * columns // w, maps.shape[3])
                first_row, first_column = top * rows // h, left * columns // w
                sums[name][:, first_row : first_row + rows, first_column : first_column + columns] += maps
    language, features = (F.normalize(sums[name], dim=-1) for name in MAPS)  # the counts cancel
    return Encoded(F.normalize(torch.cat(embeddings).mean(0, keepdim=True), dim=-1), language, features)
