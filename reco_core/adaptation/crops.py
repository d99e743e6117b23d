"""What training sees of labelled photos: random crops, a pure function of a seed and a step."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from reco_core.adaptation.labels import IGNORED, Labelled, keep_sure
from reco_core.adaptation.recipe import Recipe
from reco_core.utils.atomic_write import atomic_path

MIRRORED = BLURRED = 0.5  # share of crops
SIGMA = (0.1, 1.5)  # of a blur, pixels
GREY = 128  # around photos that are smaller than the crop; teaches nothing


@dataclass(frozen=True)
class Example:
    """A labelled photo on disk: three images of one size."""

    photo: Path
    labels: Path
    confidence: Path

    @classmethod
    def at(cls, folder: Path, key: str) -> "Example":
        return cls(folder / f"{key}.jpg", folder / f"{key}.labels.png", folder / f"{key}.confidence.png")

    def is_there(self) -> bool:
        """Whether it was written; the confidence is written last."""
        return self.confidence.is_file()

    def write(self, photo: np.ndarray, labelled: Labelled) -> None:
        """Write a photo (H, W, 3) uint8 and its labels; raises OSError."""
        Image.fromarray(photo).save(self.photo, quality=95)
        Image.fromarray(labelled.labels).save(self.labels)
        with atomic_path(self.confidence) as part:
            Image.fromarray(labelled.confidence).save(part, "PNG")

    def stored(self) -> Labelled:
        """What was said of it."""
        return Labelled(_pixels(self.labels), _pixels(self.confidence))

    def read(self, thresholds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Photo (H, W, 3) uint8, and labels (H, W) uint8 where they are sure; see `labels.keep_sure`."""
        return _pixels(self.photo), keep_sure(self.stored(), thresholds)


def _pixels(file: Path) -> np.ndarray:
    with Image.open(file) as image:
        return np.array(image)


@dataclass(frozen=True)
class Crops:
    """Batches of crops. Any step can be asked for at any time, from any thread: that is what makes training
    resumable.
    """

    examples: Sequence[Example]
    thresholds: np.ndarray
    recipe: Recipe
    seed: int

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Photos (B, 3, crop, crop) float32 RGB in 0..1, and labels (B, crop, crop) int64."""
        rng = np.random.default_rng([self.seed, step])
        chosen = rng.integers(len(self.examples), size=self.recipe.batch)
        pairs = [self._crop(self.examples[i].read(self.thresholds), rng) for i in chosen]
        photos, labels = zip(*pairs, strict=True)
        return torch.stack(photos), torch.stack(labels)

    def _crop(self, pair: tuple[np.ndarray, np.ndarray], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        (photo, labels), recipe, crop = pair, self.recipe, self.recipe.crop
        factor = recipe.side / min(labels.shape) * np.exp(rng.uniform(*np.log(recipe.scales)))
        # Of a long photo only what the crop shows is resized.
        height, width = (min(length, max(1, round(crop / factor))) for length in labels.shape)
        top, left = (
            rng.integers(length - taken + 1) for length, taken in zip(labels.shape, (height, width), strict=True)
        )
        size = tuple(min(crop, max(1, round(length * factor))) for length in (width, height))
        window = (slice(top, top + height), slice(left, left + width))
        seen = Image.fromarray(photo[window]).resize(size, Image.Resampling.BILINEAR)
        truths = Image.fromarray(labels[window]).resize(size, Image.Resampling.NEAREST)
        pixels, truth = np.full((crop, crop, 3), GREY, np.uint8), np.full((crop, crop), IGNORED, np.int64)
        pixels[: size[1], : size[0]], truth[: size[1], : size[0]] = np.asarray(seen), np.asarray(truths)
        if rng.random() < MIRRORED:
            pixels, truth = pixels[:, ::-1], truth[:, ::-1]
        return _recolour(torch.from_numpy(pixels.copy()), recipe, rng), torch.from_numpy(truth.copy())


def _recolour(pixels: Tensor, recipe: Recipe, rng: np.random.Generator) -> Tensor:
    """Other brightness, contrast, saturation, and some blur: (crop, crop, 3) uint8 -> (3, crop, crop) float32."""
    from torchvision.transforms.v2 import functional as tv  # seconds, which commands that do not train need not wait

    image = pixels.permute(2, 0, 1).float() / 255
    for change in (tv.adjust_brightness, tv.adjust_contrast, tv.adjust_saturation):
        image = change(image, float(rng.uniform(1 - recipe.jitter, 1 + recipe.jitter)))
    if recipe.blur and rng.random() < BLURRED:
        image = tv.gaussian_blur(image, [5, 5], [float(rng.uniform(*SIGMA))])
    return image
