"""DenseCLIP against CLIP written out by hand, in the real architectures with random weights."""

import numpy as np
import open_clip
import pytest
import skimage.data
import torch
import torch.nn.functional as F
from open_clip.transformer import VisionTransformer
from support import naive_clip
from support.small_networks import SMALL_PAPER
from support.towers import small_tower
from torch import nn

from reco_core.errors import OptionError
from reco_core.models import dense_clip
from reco_core.models.clip import Clip
from reco_core.models.clip_encoder import Networks
from reco_core.models.dense_clip import (
    READOUTS,
    embed_clip,
    grid_positions,
    neighbours,
    project,
    read_clip,
    read_values,
)
from reco_core.presets import CLIP_MEAN, CLIP_STD, PAPER
from reco_core.utils.tensors import to_tensor


def photo(size: tuple[int, int]) -> torch.Tensor:
    return to_tensor(skimage.data.astronaut(), size, CLIP_MEAN, CLIP_STD)


PRESETS = (pytest.param(SMALL_PAPER, id="small"), pytest.param(PAPER, id="real", marks=pytest.mark.slow))


@pytest.fixture(scope="module", params=PRESETS)
def networks(request, random_networks) -> Networks:
    return random_networks(request.param)


@pytest.fixture(scope="module")
def rn50x16(networks) -> Clip:
    return networks.language


@pytest.fixture(scope="module")
def vit_l_336(networks) -> Clip:
    return networks.retrieval


@pytest.fixture(scope="module")
def small() -> VisionTransformer:
    return small_tower(3)


def same(actual: torch.Tensor, expected: torch.Tensor, atol: float = 1e-4) -> None:
    """Directions agree, and so do lengths."""
    actual, expected = actual.double(), expected.double()
    torch.testing.assert_close(F.normalize(actual, dim=-1), F.normalize(expected, dim=-1), atol=atol, rtol=0)
    torch.testing.assert_close(actual.norm(dim=-1), expected.norm(dim=-1), rtol=1e-3, atol=0)


@pytest.mark.parametrize("size", [(384, 384), (224, 224), (256, 320)])
@torch.inference_mode()
def test_rn50x16_equals_the_formulas(rn50x16, size):
    visual, image = rn50x16.network.visual, photo(size)
    out = read_clip(visual, image[None])
    embedding, language = naive_clip.resnet(image, visual.state_dict(), visual.attnpool.num_heads)
    assert out.language.shape[1:] == (size[0] // 32, size[1] // 32, visual.output_dim)
    same(out.embedding[0], embedding)
    same(out.language[0], language)
    same(embed_clip(visual, image[None])[0], embedding)
    assert F.normalize(language, dim=-1).flatten(0, 1).std(0).mean() > 1e-3  # positions do differ


def heads(visual: VisionTransformer) -> int:
    return visual.transformer.resblocks[0].attn.num_heads


@pytest.mark.parametrize("size", [(336, 336), (224, 280)])
@torch.inference_mode()
def test_vit_l_336_equals_the_formulas(vit_l_336, size):
    visual, image = vit_l_336.network.visual, photo(size)
    out = read_clip(visual, image[None])
    embedding, language = naive_clip.vit(image, visual.state_dict(), heads(visual), 14, "maskclip")
    assert out.language.shape[1:] == (size[0] // 14, size[1] // 14, visual.output_dim)
    same(out.embedding[0], embedding)
    same(out.language[0], language)


@torch.inference_mode()
def test_global_embeddings_are_open_clips_own(rn50x16, vit_l_336):
    for clip in (rn50x16, vit_l_336):
        side = clip.network.visual.image_size
        image = photo((side, side) if isinstance(side, int) else side)[None]
        torch.testing.assert_close(
            clip.embed(image), F.normalize(clip.network.encode_image(image), dim=-1), atol=1e-5, rtol=0
        )


@torch.inference_mode()
def test_text_is_open_clips_own_though_shorter(rn50x16):
    sentences = ["a photo of a cat.", "a cropped photo of one extremely unlikely fire extinguisher", "cat", "x" * 900]
    tokens = open_clip.get_tokenizer("RN50x16")(sentences)
    expected = F.normalize(rn50x16.network.encode_text(tokens), dim=-1)
    torch.testing.assert_close(rn50x16.text(sentences), expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(rn50x16.text(sentences[:1]), expected[:1], atol=1e-5, rtol=0)


@pytest.mark.parametrize("readout", [*READOUTS])
@pytest.mark.parametrize("size", [(32, 32), (24, 40)])
@torch.inference_mode()
def test_readouts_equal_the_formulas(small, readout, size):
    image = photo(size).double()
    grid = (size[0] // 8, size[1] // 8)
    affinity = torch.rand(grid[0] * grid[1], grid[0] * grid[1], dtype=torch.double).softmax(-1)
    out = read_clip(small, image[None], readout, affinity.view(1, *grid, -1))
    embedding, language = naive_clip.vit(image, small.state_dict(), 4, 8, readout, affinity)
    same(out.embedding[0], embedding, 1e-5)
    same(out.language[0], language, 1e-5)


@torch.inference_mode()
def test_readouts_differ(small):
    image = photo((32, 32)).double()[None]
    affinity = torch.full((1, 4, 4, 16), 1 / 16, dtype=torch.double)
    maps = [F.normalize(read_clip(small, image, name, affinity).language, dim=-1) for name in READOUTS]
    for i, one in enumerate(maps):
        for other in maps[:i]:
            assert (one - other).abs().max() > 0.01


@torch.inference_mode()
def test_other_grids_values_are_resized_for_an_affinity(small):
    """Everyone listens to everyone alike: then the grid does not matter, but for its size."""
    image = photo((32, 32)).double()[None]
    coarse = read_clip(small, image, "proxyclip", torch.full((1, 4, 4, 16), 1 / 16, dtype=torch.double))
    fine = read_clip(small, image, "proxyclip", torch.full((1, 8, 8, 64), 1 / 64, dtype=torch.double))
    assert fine.language.shape == (1, 8, 8, 16)
    torch.testing.assert_close(fine.language[0, 3, 5], coarse.language[0, 1, 2], atol=1e-5, rtol=0)


@torch.inference_mode()
def test_where_theory_says_so_dense_is_global(small, rn50x16):
    """A token alone attends to itself: the value path is then the whole block. A 1 x 1 map likewise."""
    block = small.transformer.resblocks[-1]
    lonely = torch.randn(1, 1, 32, dtype=torch.double, generator=torch.Generator().manual_seed(2))
    with_class = torch.cat([lonely, lonely], 1)  # twins: whatever attention mixes, it is the same value
    dense = read_values(block, with_class, project(block, with_class), READOUTS["maskclip"], (1, 1))
    torch.testing.assert_close(dense[0, 0], block(lonely)[0], atol=1e-9, rtol=0)

    visual = rn50x16.network.visual
    kept = visual.attnpool.positional_embedding.clone()
    visual.attnpool.positional_embedding.zero_()  # the only thing that tells the mean from the position
    out = read_clip(visual, photo((32, 32))[None])
    visual.attnpool.positional_embedding.copy_(kept)
    assert out.language.shape == (1, 1, 1, visual.output_dim)
    same(out.language[0, 0, 0], out.embedding[0])


def test_positions_keep_the_trained_grid_and_follow_open_clip_elsewhere():
    positions = torch.randn(1 + 49, 8, generator=torch.Generator().manual_seed(3))
    assert grid_positions(positions, (7, 7)) is positions

    class Tower(nn.Module):
        def __init__(self):
            super().__init__()
            self.visual = nn.Module()
            self.visual.grid_size = (5, 9)

    state = {"visual.positional_embedding": positions}
    open_clip.model.resize_pos_embed(state, Tower())
    torch.testing.assert_close(grid_positions(positions, (5, 9)), state["visual.positional_embedding"])


def test_neighbours_fall_off_like_a_gaussian():
    bonus = neighbours((3, 4))
    assert bonus.shape == (12, 12)
    assert torch.equal(bonus.diagonal(), torch.ones(12))
    assert bonus[0, 11].item() == pytest.approx(np.exp(-(2**2 + 3**2) / (2 * dense_clip.NEIGHBOUR_SIGMA**2)))


def test_what_does_not_exist_is_refused(rn50x16, small):
    image = torch.zeros(1, 3, 32, 32)
    with pytest.raises(OptionError, match='Did you mean "clearclip"'):
        read_clip(small, image, "clerclip")
    with pytest.raises(OptionError, match="ResNet has no such readout"):
        read_clip(rn50x16.network.visual, image, "sclip")
    with pytest.raises(OptionError, match="affinity"):
        read_clip(small, image.double(), "proxyclip")
    with pytest.raises(OptionError, match="not known here"):
        read_clip(nn.Linear(1, 1), image)
    with pytest.raises(OptionError, match="no such model"):
        Clip("ViT-B-17", "maskclip", True)
