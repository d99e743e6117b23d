"""A plain vision transformer (Dosovitskiy et al., ICLR 2021), for mini.

timm has it too, but its import takes two seconds. Tensors are called as timm calls them: weights of either fit both.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPSILON = 1e-6  # of the normalisations
SPREAD = 0.02  # of random weights


class Attention(nn.Module):
    """Self-attention of several heads. Its weights may be of another precision than tokens; so is its answer then."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.num_heads = heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (B, n, C)."""
        return self.join(attend(*self.split(tokens)))

    def split(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of tokens (B, n, C): each (B, heads, n, c)."""
        parts = self.qkv(tokens.to(self.qkv.weight.dtype)).unflatten(-1, (3, self.num_heads, -1))
        queries, keys, values = parts.permute(2, 0, 3, 1, 4).unbind(0)
        return queries, keys, values

    def join(self, heard: Tensor) -> Tensor:
        """What heads have heard (B, heads, n, c), put together: (B, n, C)."""
        return self.proj(heard.transpose(1, 2).flatten(2))


def attend(queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None = None) -> Tensor:
    """The values that are keyed as is asked for: (B, heads, n, c). bias: added to what keys count, (B, 1, 1, n)."""
    if queries.dtype != torch.bfloat16 or queries.is_cuda:
        return F.scaled_dot_product_attention(queries, keys, values, bias)
    # On CPUs plain products are quicker in bfloat16 than torch's own attention, by a quarter.
    rows = queries * queries.shape[-1] ** -0.5 @ keys.transpose(-2, -1)
    return (rows if bias is None else rows + bias).softmax(-1).to(values.dtype) @ values


class Mlp(nn.Module):
    """Two layers with GELU between, four times as wide inside."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(tokens.to(self.fc1.weight.dtype))))


class Block(nn.Module):
    """Attention and MLP, each added to what comes in, normalised before."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.attn = nn.LayerNorm(width, EPSILON), Attention(width, heads)
        self.norm2, self.mlp = nn.LayerNorm(width, EPSILON), Mlp(width)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.attn(self.norm1(tokens))
        return tokens + self.mlp(self.norm2(tokens))


class Patches(nn.Module):
    """A photo's squares as tokens."""

    def __init__(self, patch: int, width: int) -> None:
        super().__init__()
        self.patch_size, self.proj = (patch, patch), nn.Conv2d(3, width, patch, patch)

    def forward(self, images: Tensor) -> Tensor:
        """Photos (B, 3, patch h, patch w) -> (B, h, w, C)."""
        return self.proj(images).permute(0, 2, 3, 1)


class VisionTransformer(nn.Module):
    """Its parts; who owns it says in which order they work.

    side: of the photos, in patches, that its positions are learned for. names: that `head` tells apart.
    """

    blocks: Any  # a Sequential of Blocks

    def __init__(self, side: int, patch: int, width: int, depth: int, heads: int, names: int) -> None:
        """With random weights (torch's random numbers)."""
        super().__init__()
        self.embed_dim, self.side = width, side
        self.patch_embed = Patches(patch, width)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.empty(1, 1 + side**2, width))
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(width, EPSILON), nn.Linear(width, names)
        nn.init.trunc_normal_(self.pos_embed, std=SPREAD)
        for part in self.modules():
            if isinstance(part, nn.Linear):
                nn.init.trunc_normal_(part.weight, std=SPREAD)
                nn.init.zeros_(part.bias)

    def embed(self, images: Tensor) -> Tensor:
        """Photos -> tokens (B, 1 + h w, C), the class token first, with positions, interpolated for other sizes."""
        patches = self.patch_embed(images)
        tokens = torch.cat([self.cls_token.expand(len(images), -1, -1), patches.flatten(1, 2)], 1)
        return tokens + self._positions((patches.shape[1], patches.shape[2]))

    def _positions(self, grid: tuple[int, int]) -> Tensor:
        if grid == (self.side, self.side):
            return self.pos_embed
        first, others = self.pos_embed[:, :1], self.pos_embed[:, 1:].unflatten(1, (self.side, self.side))
        placed = F.interpolate(others.permute(0, 3, 1, 2), grid, mode="bicubic", antialias=True)
        return torch.cat([first, placed.permute(0, 2, 3, 1).flatten(1, 2)], 1)
