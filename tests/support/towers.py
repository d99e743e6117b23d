"""CLIP towers with random weights, small enough for formulas written out."""

import torch
from open_clip.transformer import QuickGELU, VisionTransformer
from torch import nn


def stir(module: nn.Module) -> None:
    """Random everywhere: what is zero or one by initialisation would hide an error."""
    with torch.no_grad():
        for name, value in [*module.named_parameters(), *module.named_buffers()]:
            if name.endswith("bias") or "running_mean" in name:
                nn.init.normal_(value, std=0.1)
            elif value.ndim == 1 and value.is_floating_point():
                nn.init.uniform_(value, 0.5, 1.5)


def small_tower(blocks: int) -> VisionTransformer:
    """CLIP's architecture small enough for double precision: blocks of width 32, trained on 4 x 4 patches of 8."""
    torch.manual_seed(1)
    tower = VisionTransformer(32, 8, 32, blocks, 4, 4.0, output_dim=16, act_layer=QuickGELU)
    stir(tower)
    with torch.no_grad():
        for block in tower.transformer.resblocks:
            block.attn.in_proj_weight.mul_(4)  # attention that is far from uniform
    return tower.double().eval()
