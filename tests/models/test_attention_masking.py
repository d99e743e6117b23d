"""Attention masking against its formula written out by hand, in CLIP's architecture with random weights."""

from dataclasses import replace

import pytest
import skimage.data
import torch
import torch.nn.functional as F
from open_clip.modified_resnet import ModifiedResNet
from open_clip.transformer import VisionTransformer
from support import naive_clip
from support.small_networks import SMALL_PAPER
from support.towers import small_tower

from reco_core.errors import OptionError
from reco_core.models.attention_masking import AT_ONCE, embed_segments, masked_attention
from reco_core.presets import CLIP_MEAN, CLIP_STD, PAPER
from reco_core.utils.tensors import to_tensor


@pytest.fixture(scope="module")
def small() -> VisionTransformer:
    return small_tower(4)


def photo(size: tuple[int, int]) -> torch.Tensor:
    return to_tensor(skimage.data.astronaut(), size, CLIP_MEAN, CLIP_STD)


def some_masks(count: int, grid: tuple[int, int]) -> torch.Tensor:
    """Masks with patches inside, outside and half-way."""
    masks = torch.rand(count, *grid, generator=torch.Generator().manual_seed(4), dtype=torch.double)
    return masks * (masks > 0.4)


@pytest.mark.parametrize("blocks", [1, 2, 4])
@pytest.mark.parametrize("size", [(32, 32), (24, 40)])
@torch.inference_mode()
def test_embeddings_equal_the_formula(small, size, blocks):
    image = photo(size).double()
    masks = some_masks(3, (size[0] // 8, size[1] // 8))
    ours = embed_segments(small, image[None], masks, blocks)
    naive = torch.stack([naive_clip.masked_vit(image, small.state_dict(), 4, 8, mask, blocks) for mask in masks])
    torch.testing.assert_close(ours.double(), naive, atol=1e-5, rtol=0)
    assert (naive - naive[0])[1:].abs().max() > 0.01  # masks do matter


@pytest.mark.parametrize(
    "preset", [pytest.param(SMALL_PAPER, id="small"), pytest.param(PAPER, id="real", marks=pytest.mark.slow)]
)
@torch.inference_mode()
def test_vit_l_336_equals_the_formula(preset, random_networks):
    visual = random_networks(replace(preset, language=preset.retrieval)).retrieval.network.visual
    image, masks = photo((112, 140)), some_masks(2, (8, 10))
    ours = F.normalize(embed_segments(visual, image[None], masks.float()), dim=-1)
    for row, mask in zip(ours, masks.float(), strict=True):
        heads = visual.transformer.resblocks[0].attn.num_heads
        naive = naive_clip.masked_vit(image, visual.state_dict(), heads, 14, mask, 4)
        torch.testing.assert_close(row, F.normalize(naive, dim=-1), atol=1e-4, rtol=0)


@torch.inference_mode()
def test_the_whole_photo_is_not_clips_own_embedding_for_it_is_subtracted(small):
    image = photo((32, 32)).double()
    ours = embed_segments(small, image[None], torch.ones(1, 4, 4))[0].double()
    naive = naive_clip.masked_vit(image, small.state_dict(), 4, 8, torch.ones(4, 4, dtype=torch.double), 4)
    plain, _ = naive_clip.vit(image, small.state_dict(), 4, 8, "maskclip")
    torch.testing.assert_close(ours, naive, atol=1e-5, rtol=0)
    assert F.cosine_similarity(ours, plain, dim=0) < 0.99


@torch.inference_mode()
def test_segments_do_not_depend_on_each_other(small):
    image, masks = photo((24, 40)).double()[None], some_masks(2 * AT_ONCE + 3, (3, 5))
    alone = torch.cat([embed_segments(small, image, mask[None]) for mask in masks])
    torch.testing.assert_close(embed_segments(small, image, masks), alone, atol=1e-6, rtol=0)


def test_the_subtraction_is_weakest_where_the_mask_changes_nothing():
    rows = torch.rand(1, 2, 5, 5, generator=torch.Generator().manual_seed(5)).softmax(-1)
    for seen, least, most in ((torch.ones(1, 5), 0.449, 0.450), (torch.tensor([[1.0, 0, 0, 0, 0]]), 0.45, 0.75)):
        left = 1 - masked_attention(rows, seen).sum(-1)  # masked rows sum to 1: what is missing is the weight
        assert left.std() < 1e-6
        assert least < left.mean() < most


@torch.inference_mode()
def test_what_cannot_be_masked_is_refused(small):
    image, masks = photo((32, 32)).double()[None], torch.ones(2, 4, 4)
    resnet = ModifiedResNet((1, 1, 1, 1), output_dim=16, heads=4, image_size=32, width=8)
    with pytest.raises(OptionError, match=r"needs a vision transformer.*ModifiedResNet"):
        embed_segments(resnet, image, masks)
    with pytest.raises(OptionError, match="masks has the wrong shape"):
        embed_segments(small, image, torch.ones(2, 4, 5))
    with pytest.raises(OptionError, match="masks has the wrong shape"):
        embed_segments(small, image, masks[0])
    masks[1] = 0
    with pytest.raises(OptionError, match="covers no patch"):
        embed_segments(small, image, masks)
    for blocks in (0, 5):
        with pytest.raises(OptionError, match=rf"not so many blocks.*{blocks}.*1 to 4"):
            embed_segments(small, image, masks[:1], blocks)
