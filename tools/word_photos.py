"""The photos whose words `train_words.py` teaches, and pictures drawn from them: alone, or two or four together."""

import json
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from captions import Described, described_photos, targets, vocabulary
from photo_store import Box, PhotoStore, archive_photos, tar_photos
from wordnet import Nouns

from reco_core.models.mini_vit import PATCH

LAYOUTS = ((1, 1), (1, 2), (2, 1), (2, 2))  # rows and columns of photos in a picture
LAYOUT_SHARES = (0.5, 0.15, 0.1, 0.25)
SIZES = ((192, 192), (160, 224), (224, 160), (192, 256), (224, 224))
LARGER_SIZES = ((224, 224), (224, 288), (288, 224), (224, 320), (288, 288))  # with masks
SIZE_SHARES = (0.3, 0.2, 0.1, 0.2, 0.2)
SHARE_COMPLETE, SHARE_ARCHIVE = 0.6, 0.1  # of the photos drawn: well described ones, and of the archive (no words)
LEAST_SHOWN = 0.4  # of a photo, in a crop
CONFIDENT, LIKELY, UNLIKELY = 0.5, 0.3, 0.02  # the teacher's probabilities: of a name, of a word that is there or not
MENTIONED = 0.2  # share of captions from which a word is marked
SHOWN, UNSAID = 0.7, 0.5  # target of what only masks show, and what it counts
SILENT = 0.15  # what a word counts that a title does not mention
RAREST = 1e-4  # share of photos that a word is said of, at least
EXCLUDED = "mini_imagenet_84px.tar"


class Words:
    """The photos, their words, and how to draw from them. targets: (N, W). weights: (N, W), of their losses."""

    def __init__(self, data: Path, wordnet: Path, store: Path) -> None:
        nouns = Nouns(wordnet)
        described = described_photos(data / "captions", data / "train", nouns)
        self.photos: list[Described] = [photo for photo in described if photo.tar.name != EXCLUDED]
        self.words = vocabulary(self.photos)
        self.targets = torch.from_numpy(targets(self.photos, self.words, nouns))
        complete = np.array([photo.complete for photo in self.photos])
        self.weights = torch.where(torch.from_numpy(complete)[:, None] | (self.targets > 0), 1.0, SILENT)
        held_back = np.array([photo.is_held_back for photo in self.photos])
        self.held_back = np.flatnonzero(held_back & complete)
        self.complete, self.titled = np.flatnonzero(~held_back & complete), np.flatnonzero(~held_back & ~complete)
        known = self.targets[self.titled]
        rarity = (known / known.sum(0).clamp_min(1).sqrt()).amax(1).double().numpy()
        self.chance = (rarity + 1e-6) / (rarity + 1e-6).sum()
        self.store = PhotoStore(store, self._pixels(data))
        self.archive = np.arange(len(self.photos), len(self.store))
        none = torch.zeros(len(self.archive), len(self.words))
        self.targets, self.weights = torch.cat([self.targets, none]), torch.cat([self.weights, none])
        self.said = self.targets.clone()

    def add_names(self, names: Tensor, covers: Tensor) -> None:
        """What the teacher sees counts as said: whoever knows a trolleybus has seen a bus.

        names: (N, 1000) its probabilities. covers: (W, 1000) bool, which names are kinds of a word.
        """
        seen, known = names @ covers.float().T, covers.any(1)
        other = (names.amax(1, keepdim=True) > CONFIDENT) & (seen < UNLIKELY) & known
        self.targets = torch.maximum(self.targets, seen)
        self.weights = torch.where((seen > LIKELY) & known, 1.0, self.weights)
        self.weights = torch.where(other, self.weights.clamp_min(2 * SILENT), self.weights)

    def add_masks(self, masks: "Masks") -> None:
        """What masks show counts as said too, though nobody mentions it, such as the sky above people."""
        for i, (found, *_) in enumerate(masks.index):
            unsaid = [word for word in found if self.targets[i, word] < SHOWN]
            self.weights[i, unsaid] = torch.where(self.targets[i, unsaid] < MENTIONED, UNSAID, self.weights[i, unsaid])
            self.targets[i, unsaid] = torch.where(self.targets[i, unsaid] < MENTIONED, SHOWN, self.targets[i, unsaid])

    def prior(self) -> Tensor:
        """(W,): log-odds that words are said of a photo that is drawn, by what they count there."""
        chance = torch.zeros(len(self.targets), dtype=torch.float64)
        chance[self.complete] = SHARE_COMPLETE / len(self.complete)
        chance[self.titled] = torch.from_numpy((1 - SHARE_COMPLETE - SHARE_ARCHIVE) * self.chance)
        chance[self.archive] = SHARE_ARCHIVE / max(1, len(self.archive))
        counts = chance[:, None] * self.weights
        return ((counts * self.targets).sum(0) / counts.sum(0)).clamp(RAREST, 1 - RAREST).logit().float()

    def _pixels(self, data: Path):
        yield from tar_photos([(photo.tar, photo.file) for photo in self.photos])
        yield from archive_photos(data / "archive")

    def draw(self, count: int, random: np.random.Generator) -> np.ndarray:
        kinds = random.multinomial(count, [SHARE_COMPLETE, 1 - SHARE_COMPLETE - SHARE_ARCHIVE, SHARE_ARCHIVE])
        drawn = [
            random.choice(self.complete, kinds[0]),
            random.choice(self.titled, kinds[1], p=self.chance),
            random.choice(self.archive, kinds[2]),
        ]
        return random.permutation(np.concatenate(drawn))


class Masks:
    """Maps of `make_masks.py`: which words a photo's pixels have, lack, or may have."""

    def __init__(self, folder: Path, words: int) -> None:
        self.index, self.words = json.loads((folder / "masks.json").read_text()), words
        self.starts = np.cumsum([0, *(len(found) * h * w for found, h, w in self.index)])
        self.bytes = np.memmap(folder / "masks.u8", np.uint8, "r")

    def of(self, i: int) -> tuple[list[int], Tensor]:
        """The words of photo i, and their maps (n, h, w)."""
        found, height, width = self.index[i]
        maps = torch.from_numpy(np.array(self.bytes[self.starts[i] : self.starts[i + 1]]))
        return found, maps.view(len(found), height, width)

    def cut(self, i: int, box: Box, size: tuple[int, int], grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """A box of photo i (of this size) on a grid of patches: shares of yes and of known pixels, (W, *grid) both."""
        yes, known = torch.zeros(2, self.words, *grid)
        if i >= len(self.index) or not self.index[i][0]:
            return yes, known
        found, maps = self.of(i)
        y, x = maps.shape[1] / size[0], maps.shape[2] / size[1]
        top, left = int(box.top * y), int(box.left * x)
        maps = maps[:, top : max(top + 1, round((box.top + box.height) * y))]
        maps = maps[:, :, left : max(left + 1, round((box.left + box.width) * x))]
        both = torch.cat([(maps == 1).float(), (maps != 255).float()])
        both = F.interpolate(both[None], size=grid, mode="area")[0]
        both = both.flip(-1) if box.flipped else both
        yes[found], known[found] = both.chunk(2)
        return yes, known


class Batch(NamedTuple):
    """Pictures (B, 3, H, W) of photos in a layout; wanted, weights: (photos, W), for the photos of the
    pictures, row by row: targets, and what they count. masks: see `mask_loss`."""

    images: Tensor
    layout: tuple[int, int]
    wanted: Tensor
    weights: Tensor
    masks: tuple[Tensor, Tensor] | None


def tile(photos: Tensor, layout: tuple[int, int]) -> Tensor:
    """Photos (B x rows x columns, C, H, W) -> pictures (B, C, rows x H, columns x W)."""
    rows, columns = layout
    grid = photos.view(-1, rows, columns, *photos.shape[1:])
    return grid.permute(0, 3, 1, 4, 2, 5).reshape(len(grid), photos.shape[1], rows * photos.shape[2], -1)


def draw_batch(data: Words, masks: Masks | None, count: int, random: np.random.Generator, device: str) -> Batch:
    layout = LAYOUTS[random.choice(len(LAYOUTS), p=LAYOUT_SHARES)]
    sizes = LARGER_SIZES if masks else SIZES
    height, width = sizes[random.choice(len(sizes), p=SIZE_SHARES)]
    size = (height // layout[0] // PATCH * PATCH, width // layout[1] // PATCH * PATCH)
    drawn = data.draw(count * layout[0] * layout[1], random)
    boxes = [data.store.box(i, size, random, LEAST_SHOWN) for i in drawn]
    images = tile(data.store.cut(drawn, boxes, size, random), layout).to(device)
    shown = None
    if masks:
        grid = (size[0] // PATCH, size[1] // PATCH)
        cuts = [masks.cut(i, box, data.store.sizes[i], grid) for i, box in zip(drawn, boxes, strict=True)]
        yes, known = (tile(torch.stack(part), layout).to(device) for part in zip(*cuts, strict=True))
        shown = (yes, known)
    return Batch(images, layout, data.targets[drawn].to(device), data.weights[drawn].to(device), shown)
