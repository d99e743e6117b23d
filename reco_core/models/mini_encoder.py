"""The encoder of the preset mini."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from reco_core.errors import OptionError
from reco_core.models import sentence_encoder, weights
from reco_core.models.encoder import Encoder
from reco_core.models.mini_vit import NAMES, MiniNetwork, conse
from reco_core.models.prompts import embed_names
from reco_core.models.sentence_encoder import MiniLM
from reco_core.presets import Preset
from reco_core.types import Encoded, Words
from reco_core.utils.known_words import mini_names
from reco_core.utils.paths import bundled_folder


@dataclass(eq=False)
class MiniEncoder(Encoder):
    """The preset mini: one network for all three roles, MiniLM for text.

    spoken: (N, D), embeddings of the names and words that the network knows. mean_name: (D,), of the names.
    aliases: what else they are called: embeddings (A, D), and of which row of `spoken` each is (A,).
    kinds: (P, 2) and excludes (W, W), see `types.Words`.
    """

    network: MiniNetwork
    text: MiniLM
    spoken: Tensor
    mean_name: Tensor
    aliases: tuple[Tensor, Tensor]
    kinds: Tensor
    excludes: Tensor

    @classmethod
    def load(
        cls, preset: Preset, device: str = "cpu", folder: Path | None = None, precision: torch.dtype = torch.float32
    ) -> Self:
        """folder: another folder or file of weights for the network. precision: see `MiniNetwork.lower`.

        Raises:
            OptionError, WeightsError: what is missing or not the right file.
        """
        found = weights.resolve(preset.features, folder)
        vocabulary = preset.vocabulary
        if vocabulary is None:
            raise OptionError("a preset of this kind needs a vocabulary", given=preset.name)
        weights.verify(bundled_folder() / vocabulary.file, vocabulary.sha256)
        state = weights.read_state_dict(found.path)
        network = MiniNetwork.of(state)
        weights.load_strictly(network, state, "mini", found.path.name)
        network.lower(precision).to(device).eval()
        stored = weights.read_state_dict(bundled_folder() / vocabulary.file)
        spoken = stored["embeddings"].float().to(device)
        aliases = (stored["aliases"].float().to(device), stored["alias_rows"].long().to(device))
        text = sentence_encoder.load(device)
        kinds, mean = stored["kinds"].long().to(device), stored["mean"].float()
        excludes = stored["excludes"].bool().to(device)
        return cls(preset, device, found.sha256, network, text, spoken, mean, aliases, kinds, excludes)

    @property
    def names(self) -> Tensor:
        return self.spoken

    @property
    def words(self) -> Words:
        rows = torch.arange(len(self.spoken), device=self.spoken.device)
        texts, columns = torch.cat([self.spoken, self.aliases[0]]), torch.cat([rows, self.aliases[1]])
        return Words(texts, columns, self.kinds, self.excludes)

    @property
    def word_names(self) -> tuple[str, ...]:
        return tuple(mini_names()[NAMES:])

    def embed_names(self, names: tuple[str, ...]) -> Tensor:
        return embed_names(names, self.preset.templates, self.text, self.preset.centre * self.mean_name)

    @torch.inference_mode()
    def encode_photo(self, photo: np.ndarray) -> Encoded:
        model = self.preset.features
        return self.encode_image(self._tensor(photo, self._size(photo, model.patch), model)[None])

    def encode_image(self, image: Tensor) -> Encoded:
        """A user's photo, normalised (1, 3, H, W), sides multiples of the patch.

        The network sees it with a mirrored margin, left out of what it says; see `mini_vit.inside`.
        """
        model, margin = self.preset.features, self.preset.margin
        return self._read(F.pad(image, [margin * model.patch] * 4, mode="reflect"), margin)

    def crops(self, photo: np.ndarray) -> tuple[Tensor, ...]:
        return (self._crop(photo, self.preset.features),)

    def encode_crops(self, crops: Sequence[tuple[Tensor, ...]]) -> Encoded:
        return self.encode(torch.stack([crop for (crop,) in crops]))

    @torch.inference_mode()
    def encode(self, images: Tensor, margin: int = 0) -> Encoded:
        """Normalised photos (B, 3, H, W), sides multiples of the patch. margin: patches on each side to leave out."""
        return self._read(images, margin)

    def _read(self, images: Tensor, margin: int = 0) -> Encoded:
        out = self.network(images.to(self.device), margin)
        return Encoded(
            embedding=conse(out.photo.probability, self.spoken),
            language=conse(out.patches.probability, self.spoken),
            features=F.normalize(out.keys.float(), dim=-1),
            words=(out.photo.log_odds, out.patches.log_odds),
        )
