"""The encoder of presets whose models come from open_clip and timm."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from reco_core.models import sliding_window, weights
from reco_core.models.clip import Clip
from reco_core.models.encoder import Encoder
from reco_core.models.prompts import embed_names
from reco_core.models.timm_backbone import Backbone
from reco_core.presets import Model, Preset
from reco_core.segmentation import score_maps
from reco_core.types import Encoded


@dataclass(frozen=True)
class Networks:
    """The networks of a preset by role; retrieval and language may be one."""

    retrieval: Clip
    language: Clip
    features: Backbone

    @property
    def all(self) -> tuple[Clip | Backbone, ...]:
        """Each network once, in the order of `Preset.models`."""
        return tuple(dict.fromkeys((self.retrieval, self.language, self.features)))


@dataclass(eq=False)
class ClipEncoder(Encoder):
    """Presets of open_clip and timm: up to three networks; one that plays two roles runs once."""

    networks: Networks
    precision: torch.dtype

    @classmethod
    def build(cls, preset: Preset, networks: Networks, device: str, precision: torch.dtype) -> Self:
        """networks: loaded, in float32; they are moved to the device and precision."""
        states = [part.network.state_dict() for part in networks.all]
        roles, t = (preset.retrieval, preset.language, preset.features), preset.temperatures
        settings = [(model.name, model.archive_side, model.readout, model.block, model.mean) for model in roles]
        led = (t.affinity_gain, t.affinity_shift) if preset.language.readout == "proxyclip" else ()
        fingerprint = weights.fingerprint(*settings, *led, *states)
        for part in networks.all:
            part.network.to(device, precision)
        return cls(preset, device, fingerprint, networks, precision)

    def embed_names(self, names: tuple[str, ...]) -> Tensor:
        return embed_names(names, self.preset.templates, self.networks.language.text)

    def embed_queries(self, names: tuple[str, ...]) -> Tensor:
        return embed_names(names, self.preset.templates, self.networks.retrieval.text)

    def encode_photo(self, photo: np.ndarray) -> Encoded:
        """With a `photo_side` above the preset's window, photos are read in overlapping windows."""
        preset, models = self.preset, (self.preset.language, self.preset.features)
        common = math.lcm(*(model.patch for model in models))  # windows must begin at positions of both
        patches = [common if preset.windowed else model.patch for model in models]
        for_language, for_features = (
            self._tensor(photo, self._size(photo, patch), model)[None]
            for patch, model in zip(patches, models, strict=True)
        )
        if not preset.windowed:
            return self.encode(for_language, for_features)
        encoded = sliding_window.slide(for_language, for_features, self.encode, preset.window, preset.stride)
        language = preset.language
        whole = self._tensor(photo, self._size(photo, language.patch, preset.window), language)[None]
        return replace(encoded, embedding=self.networks.language.embed(self._ready(whole)), views=None)

    def crops(self, photo: np.ndarray) -> tuple[Tensor, ...]:
        preset = self.preset
        roles = (preset.language, preset.features, *(() if preset.one_text else (preset.retrieval,)))
        return tuple(self._crop(photo, model) for model in roles)

    def encode_crops(self, crops: Sequence[tuple[Tensor, ...]]) -> Encoded:
        for_language, for_features, *for_retrieval = map(torch.stack, zip(*crops, strict=True))
        encoded = self.encode(for_language, for_features)
        if not for_retrieval:
            return encoded
        return replace(encoded, retrieval=self.networks.retrieval.embed(self._ready(for_retrieval[0])))

    @torch.inference_mode()
    def encode(self, for_language: Tensor, for_features: Tensor) -> Encoded:
        """The same photos (B, 3, H, W), normalised for either model, sides multiples of its patch."""
        preset = self.preset
        features = F.normalize(self.networks.features(self._ready(for_features)), dim=-1)
        affinity = None
        if preset.language.readout == "proxyclip":
            t = preset.temperatures
            grid = features.shape[1:3]
            affinity = torch.stack([score_maps.affinity(f, t.affinity_gain, t.affinity_shift) for f in features])
            affinity = affinity.unflatten(1, grid)
        out = self.networks.language.dense(self._ready(for_language), affinity)
        embedding, language = (F.normalize(part, dim=-1) for part in out)
        return Encoded(embedding, language, features)

    def _ready(self, images: Tensor) -> Tensor:
        return images.to(self.device, self.precision)


def untrained(preset: Preset) -> Networks:
    """A preset's networks with random weights (torch's random numbers), for tests and timings too."""
    built = {model: network(model) for model in preset.models}
    return Networks(built[preset.retrieval], built[preset.language], built[preset.features])  # type: ignore[arg-type]


def network(model: Model) -> Clip | Backbone:
    """A model of open_clip or timm with random weights."""
    if model.library == "open_clip":
        return Clip(model.name, model.readout, model.quick_gelu)
    return Backbone(model.name, model.readout, model.block)
