"""The presets paper and clip in small: the same kinds of network, patches and input sizes, a fraction of the width."""

import atexit
import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import open_clip
import pytest
from timm.models import register_model
from timm.models.vision_transformer import VisionTransformer

from reco_core.presets import CLIP, PAPER, Preset

TEXT = {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
RESNET = {"image_size": 384, "layers": [1, 1, 1, 1], "width": 16, "patch_size": None}
VISION = {
    "small-RN50x16": RESNET,
    "small-ViT-L-14-336": {"image_size": 336, "layers": 4, "width": 64, "head_width": 16, "patch_size": 14},
    "small-ViT-B-16": {"image_size": 224, "layers": 4, "width": 64, "head_width": 16, "patch_size": 16},
}


def _register() -> None:
    """Tell open_clip of them."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    for name, vision in VISION.items():
        (folder / f"{name}.json").write_text(json.dumps({"embed_dim": 48, "vision_cfg": vision, "text_cfg": TEXT}))
    open_clip.add_model_config(folder)


@register_model
def vit_small_networks_patch14_reg4(pretrained: bool = False, **options) -> VisionTransformer:
    """DINOv2 in small, with its four register tokens."""
    kept = {key: value for key, value in options.items() if not key.startswith(("pretrained", "cache"))}
    return VisionTransformer(
        **{"img_size": 518, "patch_size": 14, "embed_dim": 96, "depth": 3, "num_heads": 3, "reg_tokens": 4, **kept}
    )


_register()
SMALL_PAPER = replace(
    PAPER,
    retrieval=replace(PAPER.retrieval, name="small-ViT-L-14-336"),
    language=replace(PAPER.language, name="small-RN50x16"),
    features=replace(PAPER.features, name="deit_tiny_distilled_patch16_224"),
)
_CLIP_B = replace(CLIP.language, name="small-ViT-B-16")
SMALL_CLIP = replace(
    CLIP,
    retrieval=_CLIP_B,
    language=_CLIP_B,
    features=replace(CLIP.features, name=vit_small_networks_patch14_reg4.__name__),
)

PAPERS = (pytest.param(SMALL_PAPER, id="small paper"), pytest.param(PAPER, id="paper", marks=pytest.mark.slow))
CLIPS = (pytest.param(SMALL_CLIP, id="small clip"), pytest.param(CLIP, id="clip", marks=pytest.mark.slow))


def quick(preset: Preset) -> Preset:
    """With the templates that are not ImageNet's: 80 sentences a name take their time."""
    return replace(preset, templates=preset.templates[1:])
