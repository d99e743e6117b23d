"""Encoders: a preset's models in their roles. Photos and names in, vectors of norm 1 out."""

import copy
import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from reco_core.errors import OptionError
from reco_core.methods import AuthorsCode
from reco_core.models import sentence_encoder, sliding_window, weights
from reco_core.models.clip import Clip
from reco_core.models.mini_vit import MiniNetwork, conse
from reco_core.models.prompts import embed_names
from reco_core.models.timm_backbone import Backbone
from reco_core.presets import IMAGENET_MEAN, IMAGENET_STD, Model, Preset
from reco_core.segmentation import score_maps
from reco_core.types import Encoded
from reco_core.utils.images import centre_crop, model_size, to_tensor
from reco_core.utils.paths import bundled_folder
from reco_core.utils.run_control import RunControl

log = logging.getLogger(__name__)


class Encoder(ABC):
    """What every preset's encoder does; immutable after construction, so that any number of users can share it."""

    names: Tensor | None = None  # (N, D): the words that language maps are sums of, if they are

    def __init__(self, preset: Preset, device: str, fingerprint: str) -> None:
        self.preset, self.device, self.hash = preset, device, fingerprint
        self.resample = Image.Resampling.BICUBIC

    def reading_like(self, authors: AuthorsCode) -> "Encoder":
        """The same models, fed as the authors' code feeds them (imagenet_mean, nearest_resize)."""
        twin = copy.copy(self)
        if authors.imagenet_mean:
            fed = {
                role: replace(getattr(self.preset, role), mean=IMAGENET_MEAN, std=IMAGENET_STD)
                for role in ("language", "features")
            }
            twin.preset = replace(self.preset, **fed)
        if authors.nearest_resize:
            twin.resample = Image.Resampling.NEAREST
        return twin

    def at_side(self, side: int) -> "Encoder":
        """The same models, shown a user's photo with another short side."""
        twin = copy.copy(self)
        twin.preset = replace(self.preset, photo_side=side)
        return twin

    @abstractmethod
    def embed_names(self, names: tuple[str, ...]) -> Tensor:
        """Names -> (K, D) float32 on the CPU, comparable with language maps and with `Encoded.embedding`."""

    def embed_queries(self, names: tuple[str, ...]) -> Tensor:
        """Names -> (K, R) float32 on the CPU, comparable with what an archive is searched by."""
        return self.embed_names(names)

    def query(self, words: str = "", photo: np.ndarray | None = None) -> Tensor:
        """What archives are searched by (R,), float32 on the CPU, norm 1: for words, a photo, or both (their mean)."""
        parts = [self.embed_queries((words,))[0]] if words else []
        if photo is not None:
            encoded = self.encode_archive([photo])
            parts.append((encoded.embedding if encoded.retrieval is None else encoded.retrieval)[0].cpu())
        if not parts:
            raise OptionError("nothing to search for", expected="words, a photo, or both")
        return F.normalize(torch.stack(parts).mean(0), dim=0)

    @abstractmethod
    def encode_photo(self, photo: np.ndarray) -> Encoded:
        """A user's photo (H, W, 3) uint8, aspect kept, short side `photo_side`; a batch of one."""

    @abstractmethod
    def crops(self, photo: np.ndarray) -> tuple[Tensor, ...]:
        """An archive photo's centre crop as each of the models wants it: (3, side, side) float32; from any thread."""

    @abstractmethod
    def encode_crops(self, crops: Sequence[tuple[Tensor, ...]]) -> Encoded:
        """What `crops` made of archive photos, in one batch, with what they are searched by."""

    def encode_archive(self, photos: list[np.ndarray]) -> Encoded:
        """Archive photos (H, W, 3) uint8 as centre crops, in one batch."""
        return self.encode_crops([self.crops(photo) for photo in photos])

    def _size(self, photo: np.ndarray, patch: int, side: int = 0) -> tuple[int, int]:
        return model_size(photo.shape[0], photo.shape[1], side or self.preset.photo_side, patch)

    def _tensor(self, photo: np.ndarray, size: tuple[int, int], model: Model) -> Tensor:
        return to_tensor(photo, size, model.mean, model.std, self.resample)

    def _crop(self, photo: np.ndarray, model: Model) -> Tensor:
        return self._tensor(centre_crop(photo), (model.archive_side, model.archive_side), model)


class MiniEncoder(Encoder):
    """The preset mini: one network for all three roles, MiniLM for text."""

    names: Tensor

    def __init__(self, preset: Preset, device: str = "cpu", folder: Path | None = None) -> None:
        """folder: another folder or file of weights for the network."""
        found = weights.resolve(preset.features, folder)
        super().__init__(preset, device, found.sha256)
        vocabulary = preset.vocabulary
        if vocabulary is None:
            raise OptionError("a preset of this kind needs a vocabulary", given=preset.name)
        weights.verify(bundled_folder() / vocabulary.file, vocabulary.sha256)
        self.network = MiniNetwork()
        weights.load_strictly(self.network.vit, weights.read_state_dict(found.path), "mini", found.path.name)
        self.network.to(device).eval()
        self.text = sentence_encoder.load(device)
        stored = weights.read_state_dict(bundled_folder() / vocabulary.file)
        self.mean_name = stored["mean"].float()
        self.names = stored["embeddings"].float().to(device)

    def embed_names(self, names: tuple[str, ...]) -> Tensor:
        return embed_names(names, self.preset.templates, self.text, self.preset.centre * self.mean_name)

    def encode_photo(self, photo: np.ndarray) -> Encoded:
        """The network keeps notes of its own in the outermost patches, the corners above all: it sees
        the photo with a mirrored margin, what it says of the margin is dropped, and a corner gets
        what it says of the patch diagonally inside.
        """
        model, margin = self.preset.features, self.preset.margin
        image = self._tensor(photo, self._size(photo, model.patch), model)[None]
        inside = slice(margin, -margin)
        encoded = self.encode(F.pad(image, [margin * model.patch] * 4, mode="reflect"))
        language, features = (maps[:, inside, inside].clone() for maps in (encoded.language, encoded.features))
        for maps in (language, features):
            for y, below in ((0, 1), (-1, -2)):
                for x, beside in ((0, 1), (-1, -2)):
                    maps[:, y, x] = maps[:, below, beside]
        return Encoded(encoded.embedding, language, features)

    def crops(self, photo: np.ndarray) -> tuple[Tensor, ...]:
        return (self._crop(photo, self.preset.features),)

    def encode_crops(self, crops: Sequence[tuple[Tensor, ...]]) -> Encoded:
        return self.encode(torch.stack([crop for (crop,) in crops]))

    @torch.inference_mode()
    def encode(self, images: Tensor) -> Encoded:
        """Normalised photos (B, 3, H, W), sides multiples of the patch."""
        out = self.network(images.to(self.device))
        return Encoded(
            embedding=conse(out.name_logits, self.names),
            language=conse(out.patch_logits, self.names),
            features=F.normalize(out.keys.float(), dim=-1),
        )


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


class ClipEncoder(Encoder):
    """Presets of open_clip and timm: up to three networks; one that plays two roles runs once."""

    def __init__(self, preset: Preset, networks: Networks, device: str, precision: torch.dtype) -> None:
        """networks: loaded, in float32; they are moved to the device and precision."""
        states = [part.network.state_dict() for part in networks.all]
        roles, t = (preset.retrieval, preset.language, preset.features), preset.temperatures
        settings = [(model.name, model.archive_side, model.readout, model.block, model.mean) for model in roles]
        led = (t.affinity_gain, t.affinity_shift) if preset.language.readout == "proxyclip" else ()
        super().__init__(preset, device, weights.fingerprint(*settings, *led, *states))
        self.precision = precision
        for part in networks.all:
            part.network.to(device, precision)
        self.networks = networks

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
        return replace(encoded, embedding=self.networks.language.embed(self._ready(whole)))

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


def load_encoder(
    preset: Preset,
    device: str | None = None,
    folder: Path | None = None,
    *,
    fetch: bool = True,
    control: RunControl | None = None,
    precision: str | None = None,
) -> Encoder:
    """Load a preset's models.

    Args:
        device: default: the GPU if there is one.
        folder: where weights are looked for first; for mini also one file.
        fetch: whether weights that are nowhere on this machine are downloaded.
        control: see `weights.resolve`.
        precision: "float32", "bfloat16" or "float16"; default: half precision on a GPU (mini: always float32).

    Raises:
        OptionError: the device or precision does not exist. WeightsError: a file is missing or not the right one.
        Cancelled: `control` was cancelled.
    """
    device = choose_device(device)
    if preset.features.library == "mini":
        if choose_precision(precision, "cpu") != torch.float32:
            raise OptionError("preset mini runs in float32 only", given=precision)
        return MiniEncoder(preset, device, folder)
    chosen = choose_precision(precision, device)
    files = [weights.resolve(m, folder, fetch=fetch, control=control) for m in preset.models]
    networks = untrained(preset)
    for model, empty, found in zip(preset.models, networks.all, files, strict=True):
        state = weights.read_state_dict(found.path)
        state = empty.adapt(state) if isinstance(empty, Backbone) else state
        weights.load_strictly(empty.network, state, model.library, f"{found.path.name} for {model.name}")
    return ClipEncoder(preset, networks, device, chosen)


def untrained(preset: Preset) -> Networks:
    """A preset's networks with random weights (torch's random numbers), for tests and timings too."""
    built = {model: network(model) for model in preset.models}
    return Networks(built[preset.retrieval], built[preset.language], built[preset.features])  # type: ignore[arg-type]


def network(model: Model) -> Clip | Backbone:
    """A model of open_clip or timm with random weights."""
    if model.library == "open_clip":
        return Clip(model.name, model.readout, model.quick_gelu)
    return Backbone(model.name, model.readout, model.block)


def choose_device(device: str | None) -> str:
    """The device asked for, checked; by default cuda if there is one, else cpu."""
    if device is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        first_line = str(error).splitlines()[0]
        raise OptionError("this device cannot be used", given=f"{device} ({first_line})", remedy='Try "cpu"') from error
    return device


def choose_precision(precision: str | None, device: str) -> torch.dtype:
    """The precision asked for, checked; by default float32 on a CPU, else bfloat16 where the GPU has it, else
    float16.
    """
    known = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    if precision is None:
        if not device.startswith("cuda"):
            return torch.float32
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if precision not in known:
        raise OptionError("unknown precision", given=precision, expected=", ".join(known))
    return known[precision]
