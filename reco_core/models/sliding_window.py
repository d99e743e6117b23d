"""Sliding windows: maps of a photo that is larger than the models were made for."""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from reco_core.types import Encoded


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
        maps of the whole photo, of norm 1; the embedding is the mean over windows, and `views` are theirs. A word is in
        the photo as surely as in the window that shows it best.
    """
    height, width = for_language.shape[-2:]
    sums: dict[str, Tensor] = {}
    embeddings, photo_words = [], []
    h, w = min(window, height), min(window, width)
    for top in starts(height, window, stride):
        for left in starts(width, window, stride):
            part = (..., slice(top, top + window), slice(left, left + window))
            encoded = read(for_language[part], for_features[part])
            embeddings.append(encoded.embedding)
            seen = {"language": encoded.language, "features": encoded.features}
            if encoded.words is not None:
                photo_words.append(encoded.words[0])
                seen |= {"words": encoded.words[1], "times": torch.ones_like(encoded.words[1][..., :1])}
            for name, maps in seen.items():
                rows, columns = maps.shape[1:3]
                if name not in sums:
                    sums[name] = maps.new_zeros(1, height * rows // h, width * columns // w, maps.shape[3])
                first_row, first_column = top * rows // h, left * columns // w
                sums[name][:, first_row : first_row + rows, first_column : first_column + columns] += maps
    language, features = (F.normalize(sums[name], dim=-1) for name in ("language", "features"))  # the counts cancel
    words = (torch.stack(photo_words).amax(0), sums["words"] / sums["times"]) if photo_words else None
    views = torch.cat(embeddings)
    return Encoded(F.normalize(views.mean(0, keepdim=True), dim=-1), language, features, words=words, views=views)


def read_long(photo: np.ndarray, read: Callable[[np.ndarray], Encoded], stride: int) -> Encoded:
    """Read a long photo (H, W, 3) uint8 in squares as wide as its short side, every `stride` pixels.

    read: encodes a square. Its sides must be multiples of both models' patches.
    """
    pixels = torch.from_numpy(photo).permute(2, 0, 1)[None]
    window = min(photo.shape[:2])
    return slide(pixels, pixels, lambda part, _: read(part[0].permute(1, 2, 0).numpy()), window, stride)
