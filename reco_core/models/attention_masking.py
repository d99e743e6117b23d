"""Attention masking: what CLIP says of a part of a photo, with a little of the whole.

Rewatbowornwong, Chatthee, Chuangsuwanich, Suwajanakorn, "Zero-guidance Segmentation Using Zero Segment Labels", ICCV
2023, section 3.2; where the text leaves a choice, it is made as the authors' code makes it.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from reco_core.errors import OptionError
from reco_core.models.dense_clip import begin_transformer, finish_block, project
from reco_core.types import check_shape

BLOCKS = 4  # the last ones, 20 to 23 of 24
SUBTRACTION = 5.0  # of exp(-(c + 1)^2 / 5)
AT_ONCE = 8  # segments in a batch


def embed_segments(visual: Any, image: Tensor, masks: Tensor, blocks: int = BLOCKS) -> Tensor:
    """CLIP's embedding of every segment of a photo.

    In the last blocks each attention row is multiplied by the segment's mask (1 for the class token) and made to sum
    to 1 again; then w times the class token's row without mask is subtracted from all rows, with
    w = exp(-(c + 1)^2 / 5) and c the mean cosine, over heads and rows, of rows with and without the mask: the less
    the mask changes, the less of the whole is taken away.

    Args:
        visual: open_clip's VisionTransformer.
        image: a normalised photo (1, 3, H, W), sides multiples of the patch.
        masks: (S, h, w) float, 0..1, how much of each patch a segment covers.
        blocks: how many of the last blocks see the masks.

    Returns:
        (S, D) float32, not normalised.

    Raises:
        OptionError: another kind of tower, another grid, a segment that covers no patch, or too many blocks.
    """
    if not hasattr(visual, "transformer"):
        raise OptionError("attention masking needs a vision transformer", given=type(visual).__name__)
    depth = len(visual.transformer.resblocks)
    if not 1 <= blocks <= depth:
        raise OptionError("there are not so many blocks", given=blocks, expected=f"1 to {depth}")
    tokens, grid = begin_transformer(visual, image, blocks)
    check_shape("masks", masks, (None, *grid))
    if not bool((masks.flatten(1).sum(1) > 0).all()):
        raise OptionError("a segment covers no patch", given="an empty mask")
    return torch.cat([_embed(visual, tokens, part, blocks) for part in masks.split(AT_ONCE)])


def _embed(visual: Any, tokens: Tensor, masks: Tensor, blocks: int) -> Tensor:
    seen = F.pad(masks.flatten(1).to(tokens), (1, 0), value=1.0)
    tokens = tokens.expand(len(masks), -1, -1)
    for block in visual.transformer.resblocks[-blocks:]:
        queries, keys, values = (
            x.unflatten(-1, (block.attn.num_heads, -1)).transpose(1, 2) for x in project(block, tokens)
        )
        rows = masked_attention((queries @ keys.transpose(-1, -2) / queries.shape[-1] ** 0.5).softmax(-1), seen)
        tokens = finish_block(block, tokens, (rows @ values).transpose(1, 2).flatten(2), whole_block=True)
    return (visual.ln_post(tokens[:, 0]) @ visual.proj).float()


def masked_attention(rows: Tensor, seen: Tensor) -> Tensor:
    """Attention rows with masked keys and global subtraction: (S, heads, n, n) that sum to 1, (S, n) -> (S, heads, n,
    n).
    """
    masked = rows * seen[:, None, None]
    masked = masked / masked.sum(-1, keepdim=True).clamp_min(torch.finfo(masked.dtype).tiny)
    agreement = F.cosine_similarity(masked, rows, dim=-1).mean((1, 2))
    weight = torch.exp(-((agreement + 1) ** 2) / SUBTRACTION)
    return masked - weight[:, None, None, None] * rows[:, :, :1]
