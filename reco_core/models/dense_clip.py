"""DenseCLIP: text-aligned features of every position from CLIP, without training.

Zhou, Loy, Dai, "Extract Free Dense Labels from CLIP", ECCV 2022 (first called DenseCLIP, then MaskCLIP). The ResNet's
attention pool becomes two 1x1 convolutions. Of a vision transformer the last block is read in one of
the ways of `READOUTS`; the blocks before it and the class token are as CLIP has them, so that one
forward pass gives the global embedding too.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reco_core.errors import OptionError, find

NEIGHBOUR_SIGMA = 5.0  # NACLIP's Gaussian, in positions


class ClipOutput(NamedTuple):
    """embedding: (B, D), the whole photo. language: (B, h, w, D).

    Float32, not normalised.
    """

    embedding: Tensor
    language: Tensor


class Projected(NamedTuple):
    """Of tokens (B, n, C): queries, keys and values, each (B, n, C), all heads joined."""

    queries: Tensor
    keys: Tensor
    values: Tensor


class Readout(NamedTuple):
    """How the last block of a vision transformer becomes a language map.

    attention: which positions' values a position gets: "own" only its own, "query" by query-query similarity,
    "both" by query-query and key-key, "neighbour" by key-key and nearness, "features" by another model's features.
    whole_block: whether residual and MLP stay.
    """

    attention: str
    whole_block: bool
    source: str


READOUTS = {
    "maskclip": Readout("own", True, "Zhou et al., ECCV 2022, section 3.2"),
    "clearclip": Readout("query", False, "Lan et al., ClearCLIP, ECCV 2024, section 3"),
    "sclip": Readout("both", True, "Wang et al., SCLIP, ECCV 2024, section 3.2"),
    "naclip": Readout("neighbour", False, "Hajimiri et al., NACLIP, WACV 2025, section 3"),
    "proxyclip": Readout("features", False, "Lan et al., ProxyCLIP, ECCV 2024, section 3"),
}


def read_clip(visual: Any, images: Tensor, readout: str = "maskclip", affinity: Tensor | None = None) -> ClipOutput:
    """Run open_clip's image tower, a ModifiedResNet or a VisionTransformer, on normalised photos.

    Args:
        images: (B, 3, H, W) float, sides multiples of the stride (32) or patch; any size.
        readout: a key of `READOUTS`; a ResNet has only "maskclip".
        affinity: (B, h', w', h' w'), for "proxyclip": how much each position of another model's grid listens to
            all of them; sums to 1. Values are resized to that grid, and the language map has it.

    Raises:
        OptionError: an unknown readout, one that this tower does not have, or another kind of tower.
    """
    chosen = find(readout, READOUTS, "readout")
    if hasattr(visual, "attnpool"):
        if readout != "maskclip":
            raise OptionError("a ResNet has no such readout", given=readout, expected="maskclip")
        return _read_resnet(visual, images)
    if not hasattr(visual, "transformer") or getattr(visual, "attn_pool", None) is not None:
        raise OptionError(
            "this image tower is not known here",
            given=type(visual).__name__,
            expected="CLIP's ModifiedResNet or VisionTransformer",
        )
    return _read_transformer(visual, images, chosen, affinity)


def grid_positions(positions: Tensor, grid: tuple[int, ...]) -> Tensor:
    """Positional embeddings (1 + n, C) of a square grid, the class's first, at another grid: (1 + h w, C).

    Bicubic with antialiasing, as open_clip resizes them; the trained grid is left as it is.
    """
    side = round((len(positions) - 1) ** 0.5)
    if tuple(grid) == (side, side):
        return positions
    square = positions[1:].T.reshape(1, -1, side, side).float()
    resized = F.interpolate(square, size=grid, mode="bicubic", antialias=True, align_corners=False)
    return torch.cat([positions[:1], resized[0].flatten(1).T.to(positions.dtype)])


def neighbours(grid: tuple[int, int], sigma: float = NEIGHBOUR_SIGMA) -> Tensor:
    """NACLIP's bonus for near positions: (h w, h w), exp(-|p - q|^2 / (2 sigma^2))."""
    rows, columns = torch.meshgrid(*(torch.arange(float(n)) for n in grid), indexing="ij")
    points = torch.stack([rows.flatten(), columns.flatten()], -1)
    return torch.exp(-torch.cdist(points, points).square() / (2 * sigma**2))


def embed_clip(visual: Any, images: Tensor) -> Tensor:
    """CLIP's global embedding (B, D) float32, not normalised, of normalised photos of any size (see `read_clip`)."""
    if hasattr(visual, "attnpool"):
        return _pool_resnet(visual.attnpool, _resnet_maps(visual, images)).float()
    tokens, _ = begin_transformer(visual, images)
    return _pool_transformer(visual, tokens, project(visual.transformer.resblocks[-1], tokens)).float()


def _resnet_maps(visual: Any, images: Tensor) -> Tensor:
    maps = visual.stem(images)
    for layer in (visual.layer1, visual.layer2, visual.layer3, visual.layer4):
        maps = layer(maps)
    return maps


def _pool_resnet(pool: Any, maps: Tensor) -> Tensor:
    """Attention pooling where only the mean asks; values and keys of all answer."""
    raw = maps.flatten(2).transpose(1, 2)  # (B, n, C)
    tokens = torch.cat([raw.mean(1, keepdim=True), raw], 1)
    tokens = tokens + grid_positions(pool.positional_embedding, maps.shape[-2:]).to(tokens.dtype)
    asked = _attend(pool.q_proj(tokens[:, :1]), pool.k_proj(tokens), pool.v_proj(tokens), pool.num_heads)
    return pool.c_proj(asked)[:, 0]


def _read_resnet(visual: Any, images: Tensor) -> ClipOutput:
    maps, pool = _resnet_maps(visual, images), visual.attnpool
    language = pool.c_proj(pool.v_proj(maps.permute(0, 2, 3, 1)))
    return ClipOutput(_pool_resnet(pool, maps).float(), language.float())


def begin_transformer(visual: Any, images: Tensor, left: int = 1) -> tuple[Tensor, tuple[int, int]]:
    """What enters the last `left` blocks, the class token first (B, 1 + h w, C), and the grid (h, w)."""
    patches = visual.conv1(images)
    grid = (patches.shape[-2], patches.shape[-1])
    first = visual.class_embedding.to(patches.dtype).expand(len(images), 1, -1)
    tokens = torch.cat([first, patches.flatten(2).transpose(1, 2)], 1)
    tokens = visual.ln_pre(tokens + grid_positions(visual.positional_embedding, grid).to(tokens.dtype))
    for block in visual.transformer.resblocks[:-left]:
        tokens = block(tokens)
    return tokens, grid


def _pool_transformer(visual: Any, tokens: Tensor, projected: Projected) -> Tensor:
    """The class token through the last block, as in CLIP; the others only answer it."""
    last = visual.transformer.resblocks[-1]
    attended = _attend(projected.queries[:, :1], projected.keys, projected.values, last.attn.num_heads)
    return visual.ln_post(finish_block(last, tokens[:, :1], attended, whole_block=True)[:, 0]) @ visual.proj


def _read_transformer(visual: Any, images: Tensor, readout: Readout, affinity: Tensor | None) -> ClipOutput:
    tokens, grid = begin_transformer(visual, images)
    last = visual.transformer.resblocks[-1]
    projected = project(last, tokens)
    language = visual.ln_post(read_values(last, tokens, projected, readout, grid, affinity)) @ visual.proj
    return ClipOutput(_pool_transformer(visual, tokens, projected).float(), language.float())


def project(block: Any, tokens: Tensor) -> Projected:
    """What a block's attention makes of tokens (B, n, C)."""
    attention: nn.MultiheadAttention = block.attn
    return Projected(*F.linear(block.ln_1(tokens), attention.in_proj_weight, attention.in_proj_bias).chunk(3, dim=-1))


def read_values(
    block: Any,
    tokens: Tensor,
    projected: Projected,
    readout: Readout,
    grid: tuple[int, int],
    affinity: Tensor | None = None,
) -> Tensor:
    """What the last block says of each position in one of the `READOUTS`: (B, 1 + h w, C) -> (B, h, w, C).

    tokens: what enters the block, the class token first, and what its attention makes of them. grid: (h, w).
    affinity: see `read_clip`.

    Raises:
        OptionError: the readout needs an affinity.
    """
    queries, keys, values = projected
    heads = block.attn.num_heads
    if readout.attention == "features":
        if affinity is None:
            raise OptionError("this readout needs the affinity of another model's features", given="none")
        there = affinity.shape[1:3]
        maps = values[:, 1:].unflatten(1, grid).permute(0, 3, 1, 2)
        if there != grid:
            maps = F.interpolate(maps, size=there, mode="bilinear", align_corners=False)
        mixed = affinity.flatten(1, 2).to(values.dtype) @ maps.flatten(2).transpose(1, 2)
        return finish_block(block, tokens[:, 1:], mixed, readout.whole_block).unflatten(1, there)
    if readout.attention == "own":
        mixed = values[:, 1:]
    else:
        bonus = F.pad(neighbours(grid), (1, 0)).to(values) if readout.attention == "neighbour" else None
        pairs = {"query": (queries,), "both": (queries, keys), "neighbour": (keys,)}[readout.attention]
        mixed = torch.stack([_attend(like[:, 1:], like, values, heads, bonus) for like in pairs]).sum(0)
    return finish_block(block, tokens[:, 1:], mixed, readout.whole_block).unflatten(1, grid)


def _attend(queries: Tensor, keys: Tensor, values: Tensor, heads: int, bonus: Tensor | None = None) -> Tensor:
    """softmax(q k^T / sqrt(d) + bonus) v head by head: (B, m, C), (B, n, C), (B, n, C) -> (B, m, C)."""
    split: Callable[[Tensor], Tensor] = lambda x: x.unflatten(-1, (heads, -1)).transpose(1, 2)  # noqa: E731
    out = F.scaled_dot_product_attention(split(queries), split(keys), split(values), attn_mask=bonus)
    return out.transpose(1, 2).flatten(2)


def finish_block(block: Any, before: Tensor, mixed: Tensor, whole_block: bool) -> Tensor:
    """The rest of a block after its attention: output projection, and residual and MLP if they stay."""
    projected = block.attn.out_proj(mixed)
    if not whole_block:
        return projected
    middle = before + block.ls_1(projected)
    return middle + block.ls_2(block.mlp(block.ln_2(middle)))
