"""Features in the numbers that a processor multiplies fastest, and by how much their products can be off.

With g' = g - e for what is rounded, Cauchy and Schwarz bound every product: |g_p . g_q - g'_p . g'_q| <= |e_p| |g_q| +
|g'_p| |e_q|. The norms of e are measured, so that the bound holds for these features, not only on average.
"""

from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

LARGEST = 127  # of int8, on both sides of zero
STORED = {torch.float32: 0.0, torch.bfloat16: 2.0**-8, torch.int8: 2.0**-22}  # by what a product is rounded afterwards


@dataclass(frozen=True)
class Rounded:
    """Features (k, n, C). values: as they are multiplied. error: (k, n), the norms of what rounding took away.

    steps: (k, n), what one unit of int8 is worth at a position; None for other numbers.
    """

    values: Tensor
    error: Tensor
    steps: Tensor | None = None

    def products(self, images: slice, image: int) -> Tensor:
        """g'_q . g'_p of every position q of m images and p of one: (m, n, n), float32."""
        m, n, channels = self.values[images].shape
        block = products(self.values[images].reshape(-1, channels), self.values[image]).float().view(m, n, n)
        return block if self.steps is None else block.mul_(self.steps[images, :, None]).mul_(self.steps[image])


def fastest(device: torch.device) -> torch.dtype:
    """What to round to where time counts: int8 on processors that add its products in 32 bits, else float32.

    Without VNNI sums may saturate at 16 bits, and nothing could be said of the error.
    """
    return torch.int8 if device.type == "cpu" and _has_vnni() else torch.float32


@cache
def _has_vnni() -> bool:
    known = torch.cpu.get_capabilities()
    return bool(known.get("avx512_vnni") or known.get("avx_vnni"))


def rounded(features: Tensor, precision: torch.dtype) -> Rounded:
    """Features (k, n, C) float32 in float32, bfloat16 or int8; int8 has a step of its own at each position."""
    if precision == torch.float32:
        return Rounded(features, features.new_zeros(features.shape[:2]))
    values = torch.empty(features.shape, dtype=precision, device=features.device)
    error = torch.empty(features.shape[:2], device=features.device)
    steps = torch.ones_like(error)
    for i, image in enumerate(features):  # one after the other: all at once would take their memory again
        if precision == torch.int8:
            steps[i] = image.abs().amax(-1).div_(LARGEST).clamp_min_(torch.finfo().tiny)
            values[i] = (image / steps[i, :, None]).round_()
        else:
            values[i] = image
        error[i] = (image - values[i] * steps[i, :, None]).norm(dim=-1)
    return Rounded(values, error, steps if precision == torch.int8 else None)


def products(left: Tensor, right: Tensor) -> Tensor:
    """left right^T for (m, C) and (n, C): int32 for int8, else as given.

    For float32 on a CPU through oneDNN, which torch asks only for tensors in its own layout: on
    AMD processors it is up to 2-3 times faster than the MKL behind torch.mm.
    """
    if left.dtype == torch.int8:
        return torch._int_mm(left, right.T)
    if left.device.type == "cpu" and left.dtype == torch.float32 and torch.backends.mkldnn.is_available():
        return F.linear(left.to_mkldnn(), right.to_mkldnn()).to_dense()
    return left @ right.T
