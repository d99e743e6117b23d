"""Dense encoders: what is read, from which block, in which architectures and sizes."""

import pytest
import timm
import torch

from reco_core.errors import OptionError
from reco_core.models.timm_backbone import Backbone
from reco_core.models.weights import load_strictly

PATCH = {"vit_small_patch14_reg4_dinov2": 14, "vit_small_patch14_dinov2": 14, "convnext_atto": 32}
NAMES = (
    "deit_small_patch16_224",
    "deit_small_distilled_patch16_224",
    "vit_small_patch16_224",
    "vit_small_patch14_dinov2",
    "vit_small_patch14_reg4_dinov2",
    "vit_small_patch16_dinov3",
    "convnext_atto",
)


def seeded(name: str, read: str = "tokens", block: int = -1) -> Backbone:
    torch.manual_seed(0)
    return Backbone(name, read, block)


@pytest.mark.parametrize("name", NAMES)
@torch.inference_mode()
def test_tokens_are_the_networks_own_without_prefixes(name):
    backbone, patch = seeded(name), PATCH.get(name, 16)
    for grid in ((224 // patch, 224 // patch), (5, 9)):
        images = torch.randn(2, 3, patch * grid[0], patch * grid[1])
        tokens = backbone(images)
        own = backbone.network.forward_features(images)
        if own.ndim == 4:  # a ConvNet's map; its last normalisation belongs to its head
            assert tokens.shape[:3] == (2, *grid)
            continue
        own = own[:, backbone.network.num_prefix_tokens :].unflatten(1, grid)
        torch.testing.assert_close(tokens, own, atol=1e-5, rtol=1e-4)


@torch.inference_mode()
def test_keys_equal_the_formula():
    images = torch.randn(1, 3, 80, 112)
    for block in (0, 8, 11, -1):
        backbone = seeded("deit_small_distilled_patch16_224", "keys", block)
        vit = backbone.network
        tokens = vit.norm_pre(vit.patch_drop(vit._pos_embed(vit.patch_embed(images))))
        for i in range(block % 12):
            tokens = vit.blocks[i](tokens)
        chosen = vit.blocks[block]
        keys = chosen.norm1(tokens) @ chosen.attn.qkv.weight[384:768].T + chosen.attn.qkv.bias[384:768]
        torch.testing.assert_close(backbone(images), keys[:, 2:].unflatten(1, (5, 7)), atol=1e-5, rtol=1e-4)


@torch.inference_mode()
def test_inner_blocks_are_read_without_the_last_normalisation():
    images, seen = torch.randn(1, 3, 64, 64), []
    inner = seeded("vit_tiny_patch16_224", block=-2)(images)
    backbone = seeded("vit_tiny_patch16_224")
    backbone.network.blocks[-2].register_forward_hook(lambda module, given, out: seen.append(out))
    last = backbone(images)
    (tokens,) = seen
    torch.testing.assert_close(inner, tokens[:, 1:].unflatten(1, (4, 4)), atol=1e-5, rtol=1e-4)
    grown = backbone.network.norm(backbone.network.blocks[-1](tokens))
    torch.testing.assert_close(last, grown[:, 1:].unflatten(1, (4, 4)), atol=1e-5, rtol=1e-4)
    assert (inner - last).abs().mean() > 0.1


def test_dinov2s_own_files_load(tmp_path):
    """Facebook's names differ from timm's: no class in the positions' grid, register and mask tokens."""
    backbone = seeded("vit_small_patch14_reg4_dinov2")
    state = backbone.network.state_dict()
    theirs = {}
    for key, value in state.items():
        new = key.replace("reg_token", "register_tokens")
        theirs[new] = value
    theirs["mask_token"] = torch.zeros(1, 384)
    if theirs["pos_embed"].shape[1] == 37 * 37:  # timm keeps no class position; they do
        theirs["pos_embed"] = torch.cat([torch.zeros(1, 1, 384), theirs["pos_embed"]], 1)
    fresh = Backbone("vit_small_patch14_reg4_dinov2")
    load_strictly(fresh.network, fresh.adapt(theirs), "timm", "dinov2")
    images = torch.randn(1, 3, 70, 70)
    with torch.inference_mode():
        torch.testing.assert_close(fresh(images), backbone(images), atol=1e-4, rtol=1e-3)


def test_users_in_threads_get_their_own_keys():
    from concurrent.futures import ThreadPoolExecutor

    backbone = seeded("vit_tiny_patch16_224", "keys", 3)
    inputs = [torch.full((1, 3, 32, 48), float(i)) for i in range(12)]
    with torch.inference_mode():
        alone = [backbone(x) for x in inputs]

    def run(x):
        with torch.inference_mode():
            return backbone(x)

    with ThreadPoolExecutor(4) as pool:
        for one, together in zip(alone, pool.map(run, inputs), strict=True):
            torch.testing.assert_close(one, together)


@pytest.mark.parametrize(
    ("name", "read", "block", "message"),
    [
        ("vit_smal", "tokens", -1, "no such model"),
        ("vit_tiny_patch16_224", "tokens", 12, r"no such block.*-12 to 11"),
        ("vit_tiny_patch16_224", "values", -1, "tokens or keys"),
        ("convnext_atto", "keys", -1, "has no keys"),
    ],
)
def test_what_does_not_exist_is_refused(name, read, block, message):
    assert not timm.is_model("vit_smal")
    with pytest.raises(OptionError, match=message):
        Backbone(name, read, block)
