"""Photos resized as Pillow does, bit by bit, by operations that ONNX has: a pixel that is rounded to its neighbour
among 256 values changes what the network says.
"""

import torch
from torch import Tensor

REACH = 2  # of the bicubic filter, in pixels of what is made, or of the photo where that is enlarged
BITS = 22  # of Pillow's whole weights, after the point


def resize(photo: Tensor, size: tuple[int, int], most: int) -> Tensor:
    """A photo (H, W, 3) uint8 at (h, w), either side at most `most` times smaller: 0..255, (h, w, 3) float64."""
    return _along(_along(photo.double(), 1, size[1], most), 0, size[0], most)


def _along(pixels: Tensor, axis: int, length: int, most: int) -> Tensor:
    taps = 2 * REACH * most + 1  # pixels that one is made of
    whole, made = (torch.full((), side, dtype=torch.float64) for side in (pixels.shape[axis], length))
    scale = whole / made
    stretch = scale.clamp_min(1.0)
    centre = ((torch.arange(length, dtype=torch.float64) + 0.5) * scale)[:, None]
    first = (centre - REACH * stretch + 0.5).floor().clamp_min(0.0)
    end = torch.minimum((centre + REACH * stretch + 0.5).floor(), whole)
    places = first + torch.arange(taps, dtype=torch.float64)  # (length, taps)
    weights = torch.where(places < end, _cubic((places - centre + 0.5) / stretch), 0.0)
    weights = (weights / weights.sum(1, keepdim=True) * 2**BITS).round()
    at = torch.minimum(places, whole - 1).long()
    shape = [length if i == axis else 1 for i in range(3)]
    parts = (pixels.index_select(axis, at[:, tap]) * weights[:, tap].reshape(shape) for tap in range(taps))
    return ((sum(parts, torch.zeros(())) / 2**BITS) + 0.5).floor().clamp(0.0, 255.0)


def _cubic(x: Tensor) -> Tensor:
    x = x.abs()
    near, far = (1.5 * x - 2.5) * x * x + 1, ((2.5 - 0.5 * x) * x - 4) * x + 2
    return torch.where(x < 1, near, torch.where(x < 2, far, 0.0))
