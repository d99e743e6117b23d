"""The network behind the preset **mini**: one small vision transformer, one forward pass.

The network knows two lists: ImageNet's 1,000 names, of which a photo or a patch has one (a softmax), and the words of
captions, of which it may have several: man, person, shirt (a sigmoid each). It becomes open-vocabulary the ConSE way
(Norouzi et al., "Zero-Shot Learning by Convex Combination of Semantic Embeddings", ICLR 2014): an embedding is
the probability-weighted sum of the text embeddings of the most probable names and words. `mini_encoder.py` loads
weights and photos; this file is only the network and that sum.
"""

import math
from typing import Any, NamedTuple, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reco_core.models.vit import VisionTransformer, attend

PATCH = 16
SIDE = 14  # patches of the photos that it was taught with
NAMES = 1000  # ImageNet's
KEY_BLOCK = 8  # 0-based: keys of this block separate objects best (later ones drift towards classes)
TOP_NAMES = 10
WORD_SHARE = 2.0  # what all words together count beside all names
LEAST = 1e-5  # probability of a name, so that log-odds stay finite
NAME_BIAS = 5.0  # one photo in a thousand has a given name, far more have a given word
EVENED, USUAL = 0.5, math.log(0.1 / 0.9)  # share of words' prior that is taken away; what all are given instead


class MiniOutput(NamedTuple):
    """What one forward pass gives; h = height / 16, w = width / 16.

    photo: of the whole photo. patches: of every patch, batch (B, h, w). keys: (B, h, w, 192), co-segmentation features,
    not normalised.
    """

    photo: "Spoken"
    patches: "Spoken"
    keys: Tensor


class Spoken(NamedTuple):
    """What the network says. names: (..., 1000) logits of a softmax. words: (..., W) log-odds, each on its own."""

    names: Tensor
    words: Tensor

    @property
    def probability(self) -> Tensor:
        """(..., 1000 + W): of every name that it is the one, and of every word that it says best what is seen, times
        `WORD_SHARE`. Of what is true together (animal, cat) that is what is otherwise said least often.
        """
        return torch.cat([self.names.float().softmax(-1), WORD_SHARE * self.words.float().softmax(-1)], -1)

    @property
    def log_odds(self) -> Tensor:
        """(..., 1000 + W): the same as log-odds, a name's `NAME_BIAS` larger, so that names and words compare."""
        names = self.names.float().softmax(-1).clamp(LEAST, 1 - LEAST)
        return torch.cat([names.logit() + NAME_BIAS, self.words.float()], -1)


class MiniNetwork(nn.Module):
    """A ViT-Tiny/16 (12 blocks of width 192) that also reads out patches and keys.

    Patches are read from the value path of the last block (DenseCLIP's idea: values without
    attention stay where they are), keeping residual and MLP; keys from block `KEY_BLOCK`.
    """

    word_prior: Tensor  # (W,): log-odds that a caption mentions the word, which is in `photo_words`, `patch_words`

    def __init__(self, names: int = NAMES, words: int = 0) -> None:
        super().__init__()
        self.vit = vit = VisionTransformer(SIDE, PATCH, width=192, depth=12, heads=3, names=names)
        self.photo_words, self.patch_words = (nn.Linear(vit.embed_dim, words) if words else None for _ in range(2))
        self.register_buffer("word_prior", torch.full((words,), USUAL) if words else None)

    @classmethod
    def of(cls, state: dict[str, Tensor]) -> Self:
        """A network, not yet loaded, for weights of any number of names and words."""
        names, words = (state.get(f"{rows}.bias", ()) for rows in ("vit.head", "photo_words"))
        return cls(names=len(names) or NAMES, words=len(words))

    def lower(self, precision: torch.dtype) -> Self:
        """Compute attention and MLPs in another precision; what they add to, and what is said of it, stays float32."""
        for block in self.vit.blocks:
            block.attn.to(precision)
            block.mlp.to(precision)
        return self

    def forward(self, images: Tensor, margin: int = 0) -> MiniOutput:
        """Read normalised photos (B, 3, 16 h, 16 w), float; any h, w of at least 1.

        margin: so many patches on each side are left out of what is said.
        """
        grid = (images.shape[-2] // PATCH, images.shape[-1] // PATCH)
        tokens = self.embed(images)
        for index, block in enumerate(self.vit.blocks[:-1]):
            if index == KEY_BLOCK:
                keys = project(block, tokens, part=1)
            tokens = block(tokens)
        tokens = self.last(tokens)
        patches, keys = (inside(maps[:, 1:].unflatten(1, grid), margin) for maps in (tokens, keys))
        return MiniOutput(self.speak(tokens[:, 0]), self.speak_of(patches), keys)

    def look(self, images: Tensor, seen: Tensor) -> Spoken:
        """What is said, batch (B,), of photos (B, 3, 16 h, 16 w) of which some patches count less.

        seen: (B, h w), above 0: how much each patch counts as a key, in every attention; the class token counts 1.
        """
        tokens = self.embed(images)
        bias = F.pad(seen, (1, 0), value=1.0).log()[:, None, None]
        for block in self.vit.blocks:
            attention = block.attn
            queries, keys, values = attention.split(block.norm1(tokens))
            tokens = tokens + attention.join(attend(queries, keys, values, bias.to(queries.dtype)))
            tokens = tokens + block.mlp(block.norm2(tokens))
        return self.speak(tokens[:, 0])

    def embed(self, images: Tensor) -> Tensor:
        """Photos -> tokens (B, 1 + h w, 192) with positions."""
        return self.vit.embed(images)

    def last(self, tokens: Tensor) -> Tensor:
        """The last block, in which only the class token hears others: every patch keeps its own value."""
        return last(self.vit.blocks[-1], tokens)

    def speak(self, tokens: Tensor) -> Spoken:
        """What class tokens (..., 192) after the last block say of their photos."""
        seen = self.vit.norm(tokens)
        return self._said(seen, self.photo_words)

    def speak_of(self, patches: Tensor) -> Spoken:
        """What tokens (..., 192) of the value path say of their patches."""
        seen = self.vit.norm(patches)
        return self._said(seen, self.patch_words)

    def _said(self, seen: Tensor, words: nn.Module | None) -> Spoken:
        if words is None:
            return Spoken(self.vit.head(seen), seen[..., :0])
        return Spoken(self.vit.head(seen), words(seen) - self.evened_prior())

    def evened_prior(self) -> Tensor:
        """What is taken away of words (W,): captions seldom mention a sky or a wall that is there."""
        return EVENED * (self.word_prior - USUAL)


def last(block: Any, tokens: Tensor) -> Tensor:
    """See `MiniNetwork.last`."""
    queries, keys, values = block.attn.split(block.norm1(tokens))
    heard = attend(queries[:, :, :1], keys, values)
    tokens = tokens + block.attn.join(torch.cat([heard, values[:, :, 1:]], 2))
    return tokens + block.mlp(block.norm2(tokens))


def project(block: Any, tokens: Tensor, part: int) -> Tensor:
    """Queries (part 0), keys (1) or values (2) of a block for tokens (B, n, C), all heads joined."""
    width = tokens.shape[-1]
    rows = slice(part * width, (part + 1) * width)
    weight, bias = block.attn.qkv.weight[rows], block.attn.qkv.bias[rows]
    return F.linear(block.norm1(tokens).to(weight.dtype), weight, bias)


def inside(maps: Tensor, margin: int) -> Tensor:
    """Maps (B, h, w, C) without a margin on each side. The network keeps notes of its own in the outermost patches, the
    corners above all: where there is a margin, a corner gets what the patch diagonally inside has.
    """
    if not margin:
        return maps
    maps = maps[:, margin:-margin, margin:-margin].clone()
    for y, below in ((0, 1), (-1, -2)):
        for x, beside in ((0, 1), (-1, -2)):
            maps[:, y, x] = maps[:, below, beside]
    return maps


def conse(probability: Tensor, embeddings: Tensor, top: int = TOP_NAMES) -> Tensor:
    """Embed what is said in the text space: normalised sum of probability x embedding.

    Args:
        probability: (..., N) float, of names and words.
        embeddings: (N, D) float, theirs, each of norm 1.
        top: how many of the most probable ones enter the sum (10 in ConSE).

    Returns:
        (..., D) float32, each of norm 1.

    Source: Norouzi et al., ICLR 2014, section 3.
    """
    most, index = probability.topk(min(top, probability.shape[-1]), dim=-1)
    rows, shares = (x.reshape(-1, x.shape[-1]) for x in (index, most))
    sums = F.embedding_bag(rows, embeddings.float(), per_sample_weights=shares, mode="sum")
    return F.normalize(sums, dim=-1).view(*index.shape[:-1], -1)
