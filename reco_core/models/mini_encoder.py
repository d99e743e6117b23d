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
from reco_core.models.mini_vit import MiniNetwork, conse
from reco_core.models.prompts import embed_names
from reco_core.models.sentence_encoder import MiniLM
from reco_core.presets import Preset
from reco_core.types import Encoded, Words
from reco_core.utils.paths import bundled_folder


@dataclass(eq=False)
class MiniEncoder(Encoder):
    """The preset mini: one network for all three roles, MiniLM for text.

    spoken: (N, D), embeddings of the names and words that the network knows. mean_name: (D,), of the names.
    aliases: what else they are called: embeddings (A, D), and of which row of `spoken` each is (A,).
    """

    network: MiniNetwork
    text: MiniLM
    spoken: Tensor
    mean_name: Tensor
    aliases: tuple[Tensor, Tensor]

    @classmethod
    def load(cls, preset: Preset, device: str = "cpu", folder: Path | None = None) -> Self:
        """folder: another folder or file of weights for the network.

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
        network.to(device).eval()
        stored = weights.read_state_dict(bundled_folder() / vocabulary.file)
        spoken = stored["embeddings"].float().to(device)
        aliases = (stored["aliases"].float().to(device), stored["alias_rows"].long().to(device))
        text = sentence_encoder.load(device)
        return cls(preset, device, found.sha256, network, text, spoken, stored["mean"].float(), aliases)

    @property
    def names(self) -> Tensor:
        return self.spoken

    @property
    def words(self) -> Words:
        rows = torch.arange(len(self.spoken), device=self.spoken.device)
        return Words(torch.cat([self.spoken, self.aliases[0]]), torch.cat([rows, self.aliases[1]]))

    def embed_names(self, names: tuple[str, ...]) -> Tensor:
        return embed_names(names, self.preset.templates, self.text, self.preset.centre * self.mean_name)

    @torch.inference_mode()
    def encode_photo(self, photo: np.ndarray) -> Encoded:
        model = self.preset.features
        return self.encode_image(self._tensor(photo, self._size(photo, model.patch), model)[None])

    def encode_image(self, image: Tensor) -> Encoded:
        """A user's photo, normalised (1, 3, H, W), sides multiples of the patch.

        The network keeps notes of its own in the outermost patches, the corners above all: it sees
        the photo with a mirrored margin, what it says of the margin is dropped, and a corner gets
        what it says of the patch diagonally inside.
        """
        model, margin = self.preset.features, self.preset.margin
        inside = slice(margin, -margin)
        encoded = self._read(F.pad(image, [margin * model.patch] * 4, mode="reflect"))
        language, features = (maps[:, inside, inside].clone() for maps in (encoded.language, encoded.features))
        words = None if encoded.words is None else (encoded.words[0], encoded.words[1][:, inside, inside].clone())
        for maps in (language, features, *(words or ())[1:]):
            for y, below in ((0, 1), (-1, -2)):
                for x, beside in ((0, 1), (-1, -2)):
                    maps[:, y, x] = maps[:, below, beside]
        return Encoded(encoded.embedding, language, features, words=words)

    def crops(self, photo: np.ndarray) -> tuple[Tensor, ...]:
        return (self._crop(photo, self.preset.features),)

    def encode_crops(self, crops: Sequence[tuple[Tensor, ...]]) -> Encoded:
        return self.encode(torch.stack([crop for (crop,) in crops]))

    @torch.inference_mode()
    def encode(self, images: Tensor) -> Encoded:
        """Normalised photos (B, 3, H, W), sides multiples of the patch."""
        return self._read(images)

    def _read(self, images: Tensor) -> Encoded:
        out = self.network(images.to(self.device))
        return Encoded(
            embedding=conse(out.photo.probability, self.spoken),
            language=conse(out.patches.probability, self.spoken),
            features=F.normalize(out.keys.float(), dim=-1),
            words=(out.photo.log_odds, out.patches.log_odds),
        )
