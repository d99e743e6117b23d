"""The network behind the preset **mini**: one small vision transformer, three outputs, one forward pass.

The network knows a fixed list of class names. It becomes open-vocabulary the ConSE way (Norouzi et
al., "Zero-Shot Learning by Convex Combination of Semantic Embeddings", ICLR 2014): an embedding is
the probability-weighted sum of the text embeddings of the most probable names. `encoders.py` loads
weights and photos; this file is only the network and that sum.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

PATCH = 16
NAMES = 1062  # the names of assets/mini/names.txt: ImageNet's 1,000, and words that titles taught
KEY_BLOCK = 8  # 0-based: keys of this block separate objects best (later ones drift towards classes)
TOP_NAMES = 10


class MiniOutput(NamedTuple):
    """What one forward pass gives; h = height / 16, w = width / 16.

    name_logits: (B, N), the whole photo. patch_logits: (B, h, w, N), every patch.
    keys: (B, h, w, 192), co-segmentation features, not normalised.
    """

    name_logits: Tensor
    patch_logits: Tensor
    keys: Tensor


class MiniNetwork(nn.Module):
    """A ViT-Tiny/16 (12 blocks of width 192) that also reads out patches and keys.

    Patches are read from the value path of the last block (DenseCLIP's idea: values without
    attention stay where they are), keeping residual and MLP; keys from block `KEY_BLOCK`.
    """

    vit: Any  # timm leaves the types of its parts open

    def __init__(self, image_size: int = 224, names: int = NAMES) -> None:
        super().__init__()
        shape: dict[str, Any] = {"patch_size": PATCH, "embed_dim": 192, "depth": 12, "num_heads": 3}
        vit: Any = VisionTransformer(img_size=image_size, num_classes=names, dynamic_img_size=True, **shape)
        for block in vit.blocks:
            block.attn.fused_attn = False  # at these lengths plain matrix products are 2-4 times faster on a CPU
        self.vit = vit

    def forward(self, images: Tensor) -> MiniOutput:
        """Read normalised photos (B, 3, 16 h, 16 w), float; any h, w of at least 1."""
        grid = (images.shape[-2] // PATCH, images.shape[-1] // PATCH)
        tokens = self.embed(images)
        for index, block in enumerate(self.vit.blocks):
            if index == KEY_BLOCK:
                keys = project(block, tokens, part=1)
            before, tokens = tokens, block(tokens)
        patches = self.value_path(before)
        return MiniOutput(
            self.classify(tokens[:, 0]),
            self.classify(patches[:, 1:]).unflatten(1, grid),
            keys[:, 1:].unflatten(1, grid),
        )

    def look(self, images: Tensor, seen: Tensor) -> Tensor:
        """Name logits (B, N) of photos (B, 3, 16 h, 16 w) of which some patches count less.

        seen: (B, h w), above 0: how much each patch counts as a key, in every attention; the class token counts 1.
        """
        tokens = self.embed(images)
        bias = F.pad(seen, (1, 0), value=1.0).log()[:, None, None]
        for block in self.vit.blocks:
            queries, keys, values = (
                project(block, tokens, part).unflatten(-1, (block.attn.num_heads, -1)).transpose(1, 2)
                for part in range(3)
            )
            rows = (queries @ keys.transpose(-1, -2) * block.attn.scale + bias).softmax(-1)
            tokens = tokens + block.attn.proj((rows @ values).transpose(1, 2).flatten(2))
            tokens = tokens + block.mlp(block.norm2(tokens))
        return self.classify(tokens[:, 0])

    def embed(self, images: Tensor) -> Tensor:
        """Photos -> tokens (B, 1 + h w, 192) with positions, interpolated where the size differs."""
        return self.vit._pos_embed(self.vit.patch_embed(images))

    def value_path(self, tokens: Tensor) -> Tensor:
        """The last block without its attention: every token keeps its own value; (B, 1 + h w, 192)."""
        block = self.vit.blocks[-1]
        mid = tokens + block.attn.proj(project(block, tokens, part=2))
        return mid + block.mlp(block.norm2(mid))

    def classify(self, tokens: Tensor) -> Tensor:
        """Tokens (..., 192) after the last block -> name logits (..., N)."""
        return self.vit.head(self.vit.norm(tokens))


def project(block: Any, tokens: Tensor, part: int) -> Tensor:
    """Queries (part 0), keys (1) or values (2) of a block for tokens (B, n, C), all heads joined."""
    width = tokens.shape[-1]
    rows = slice(part * width, (part + 1) * width)
    return F.linear(block.norm1(tokens), block.attn.qkv.weight[rows], block.attn.qkv.bias[rows])


def conse(logits: Tensor, name_embeddings: Tensor, top: int = TOP_NAMES) -> Tensor:
    """Embed name logits in the text space: normalised sum of probability x name embedding.

    Args:
        logits: (..., N) float.
        name_embeddings: (N, D) float, each of norm 1.
        top: how many of the most probable names enter the sum (10 in ConSE).

    Returns:
        (..., D) float32, each of norm 1.

    Source: Norouzi et al., ICLR 2014, section 3.
    """
    probability, index = logits.float().softmax(-1).topk(min(top, logits.shape[-1]), dim=-1)
    weights = torch.zeros(logits.shape, device=logits.device).scatter_(-1, index, probability)
    return F.normalize(weights @ name_embeddings.float(), dim=-1)
