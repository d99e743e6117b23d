"""A preset of real but small architectures with random weights, for tests of installing and switching."""

import hashlib
from dataclasses import replace

import torch
from safetensors.torch import save

from reco_core.models.clip import Clip
from reco_core.models.timm_backbone import Backbone
from reco_core.presets import CLIP, Preset, WeightFile

CLIP_NAME, BACKBONE_NAME = "ViT-S-32-alt", "vit_tiny_patch16_224"


def files() -> dict[str, bytes]:
    """Its two files of weights."""
    torch.manual_seed(0)
    networks = {"clip.safetensors": Clip(CLIP_NAME, "clearclip", True), "dense.safetensors": Backbone(BACKBONE_NAME)}
    return {
        name: save({key: value.contiguous() for key, value in part.network.state_dict().items()})
        for name, part in networks.items()
    }


def preset(sources: dict[str, str], hashes: dict[str, str], archive: str) -> Preset:
    """sources, hashes: of the files, by name. The sizes are those of larger files, so that they are asked about."""
    weights = [
        WeightFile(name, sources[name], hashes[name], "this test", "MIT", megabytes)
        for name, megabytes in (("clip.safetensors", 351), ("dense.safetensors", 23))
    ]
    clip = replace(CLIP.language, name=CLIP_NAME, weights=(weights[0],), patch=32, readout="clearclip")
    features = replace(CLIP.features, name=BACKBONE_NAME, weights=(weights[1],), patch=16)
    return replace(
        CLIP,
        name="tiny",
        summary="for tests",
        retrieval=clip,
        language=clip,
        features=features,
        k=4,
        method="reco",
        archive=archive,
        templates=("{}",),
        window=0,
    )


def hashes(contents: dict[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}
