"""Models, loaded and run: photos and names in, vectors of norm 1 out."""

import copy
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from reco_core import text
from reco_core.checksums import weights_sha256
from reco_core.errors import OptionError, WeightsError
from reco_core.mini import MiniNetwork, conse
from reco_core.photos import centre_crop, model_size, to_tensor
from reco_core.presets import AuthorsCode, Preset
from reco_core.prompts import embed_names
from reco_core.structures import Encoded

log = logging.getLogger(__name__)
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
ROOT = Path(__file__).resolve().parent.parent


class MiniEncoder:
    """The preset mini: one network for all three roles, MiniLM for text.

    Immutable after construction, so that any number of users can share it.
    """

    def __init__(self, preset: Preset, device: str = "cpu", weights: Path | None = None) -> None:
        self.preset, self.device, self.resample = preset, device, Image.Resampling.BICUBIC
        network_file, names_file = preset.weights
        path = weights or ROOT / network_file.path
        self.hash = verify(path, "" if weights else network_file.sha256)
        verify(ROOT / names_file.path, names_file.sha256)
        self.network = MiniNetwork()
        load_weights(self.network.vit, path)
        self.network.to(device).eval()
        self.text = text.load(device)
        names = load_tensors(ROOT / names_file.path)
        self.mean_name = names["mean"].float()
        self.names = names["embeddings"].float().to(device)

    def reading_like(self, authors: AuthorsCode) -> "MiniEncoder":
        """The same models, fed as the authors' code feeds them (imagenet_mean, nearest_resize)."""
        twin = copy.copy(self)
        if authors.imagenet_mean:
            twin.preset = replace(self.preset, mean=IMAGENET_MEAN, std=IMAGENET_STD)
        if authors.nearest_resize:
            twin.resample = Image.Resampling.NEAREST
        return twin

    def embed_names(self, names: tuple[str, ...]) -> Tensor:
        """Names -> (K, D) float32 on the CPU, comparable with photos' embeddings and language maps."""
        return embed_names(names, self.preset.templates, self.text, self.preset.centre * self.mean_name)

    def encode_photo(self, photo: np.ndarray) -> Encoded:
        """A user's photo (H, W, 3) uint8, aspect kept, short side `photo_side`; a batch of one.

        The network keeps notes of its own in the outermost patches, the corners above all: it sees
        the photo with a mirrored margin, what it says of the margin is dropped, and a corner gets
        what it says of the patch diagonally inside.
        """
        size = model_size(photo.shape[0], photo.shape[1], self.preset.photo_side, self.preset.patch)
        image = to_tensor(photo, size, self.preset.mean, self.preset.std, self.resample)[None]
        margin, inside = self.preset.margin, slice(self.preset.margin, -self.preset.margin)
        encoded = self.encode(F.pad(image, [margin * self.preset.patch] * 4, mode="reflect"))
        language, features = (maps[:, inside, inside].clone() for maps in (encoded.language, encoded.features))
        for maps in (language, features):
            for y, below in ((0, 1), (-1, -2)):
                for x, beside in ((0, 1), (-1, -2)):
                    maps[:, y, x] = maps[:, below, beside]
        return Encoded(encoded.embedding, language, features)

    def encode_archive(self, photos: list[np.ndarray]) -> Encoded:
        """Archive photos as centre crops of `archive_side`, in one batch."""
        side = (self.preset.archive_side, self.preset.archive_side)
        crops = [to_tensor(centre_crop(p), side, self.preset.mean, self.preset.std) for p in photos]
        return self.encode(torch.stack(crops))

    @torch.inference_mode()
    def encode(self, images: Tensor) -> Encoded:
        """Normalised photos (B, 3, H, W), sides multiples of the patch."""
        out = self.network(images.to(self.device))
        return Encoded(
            embedding=conse(out.name_logits, self.names),
            language=conse(out.patch_logits, self.names),
            features=F.normalize(out.keys.float(), dim=-1),
        )


def load_encoder(preset: Preset, device: str | None = None, weights: Path | None = None) -> MiniEncoder:
    """Load a preset's models on a device (default: the GPU if there is one).

    Raises:
        OptionError: the device does not exist. WeightsError: a file is missing or not the right one.
    """
    return MiniEncoder(preset, choose_device(device), weights)


def choose_device(device: str | None) -> str:
    """The device asked for, checked; by default cuda if there is one, else cpu."""
    if device is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        first_line = str(error).splitlines()[0]
        raise OptionError("this device cannot be used", given=f"{device} ({first_line})",
                          remedy='Try "cpu"') from error  # fmt: skip
    return device


def verify(file: Path, expected: str) -> str:
    """The file's SHA-256; WeightsError if it is missing or differs from a given `expected`."""
    actual = weights_sha256(file)
    if expected and actual != expected:
        raise WeightsError(f"{file.name} is not the published file", given=f"SHA-256 {actual}", expected=expected,
                           remedy="Restore it from the repository")  # fmt: skip
    return actual


def load_tensors(file: Path) -> dict[str, Tensor]:
    try:
        return load_file(file)
    except (SafetensorError, OSError) as error:
        raise WeightsError("a weights file cannot be read", given=f"{file.name}: {error}") from error


def load_weights(module: torch.nn.Module, file: Path) -> None:
    """Load a state dict strictly."""
    try:
        module.load_state_dict(load_tensors(file))
    except RuntimeError as error:
        raise WeightsError("the weights do not fit the network", given=f"{file.name}: {error}") from error
