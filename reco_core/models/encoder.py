"""What every encoder does: photos and names in, vectors of norm 1 out."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from reco_core.errors import OptionError
from reco_core.models.sliding_window import read_long
from reco_core.presets import Model, Preset
from reco_core.types import Encoded, Words
from reco_core.utils.images import centre_crop, model_size
from reco_core.utils.panoramas import windowed_size
from reco_core.utils.tensors import to_tensor

STRIDE = 2 / 3  # of a window over a long photo, from one to the next


@dataclass(eq=False)
class Encoder(ABC):
    """What every preset's encoder does; never changed once made, so that any number of users can share it.

    `dataclasses.replace(encoder, preset=...)` makes one that shows photos to the same models in another way.
    hash: of the weights, and of what archives depend on besides. resample: how photos are resized.
    """

    preset: Preset
    device: str
    hash: str
    resample: Image.Resampling = field(default=Image.Resampling.BICUBIC, kw_only=True)

    @property
    def names(self) -> Tensor | None:
        """(N, D): the words that language maps are sums of, if they are."""
        return None

    @property
    def words(self) -> Words | None:
        """The words that the model was taught to find, if it was."""
        return None

    @property
    def word_names(self) -> tuple[str, ...]:
        """What the last columns of `Encoded.words` are called, those that `Words.excludes` has rows for."""
        return ()

    @property
    def archive_side(self) -> int:
        """The largest side at which any of the models sees an archive photo's centre crop."""
        return max(model.archive_side for model in self.preset.models)

    def at_side(self, side: int) -> Self:
        """The same models, shown a user's photo with another short side."""
        return replace(self, preset=replace(self.preset, photo_side=side))

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

    def encode_long(self, photo: np.ndarray) -> Encoded:
        """A user's photo of more than 3:1, aspect kept, in overlapping squares of `photo_side`; see `panoramas`."""
        step = math.lcm(self.preset.language.patch, self.preset.features.patch)
        height, width = windowed_size(photo.shape, self.preset.photo_side, step)
        resized = np.array(Image.fromarray(photo).resize((width, height), self.resample))
        side = min(height, width)
        stride = max(step, round(side * STRIDE / step) * step)
        return read_long(resized, self.at_side(side).encode_photo, stride)

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
