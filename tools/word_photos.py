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
from captions import SAME, Described, covering, described_photos, targets, vocabulary
from photo_store import Box, PhotoStore, archive_files, archive_photos, tar_photos
from scenes import read_scenes
from wordnet import Nouns

from reco_core.models.mini_vit import PATCH

LAYOUTS = ((1, 1), (1, 2), (2, 1), (2, 2))  # rows and columns of photos in a picture
LAYOUT_SHARES = (0.5, 0.15, 0.1, 0.25)
SIZES = ((192, 192), (160, 224), (224, 160), (192, 256), (224, 224))
LARGER_SIZES = ((224, 224), (224, 288), (288, 224), (224, 320), (288, 288))  # with masks
SIZE_SHARES = (0.3, 0.2, 0.1, 0.2, 0.2)
SHARES = (0.75, 0.1, 0.1, 0.05)  # of the photos drawn: with a scene, several captions, a title, nothing (archive)
LEAST_SHOWN = 0.4  # of a photo, in a crop
CONFIDENT, LIKELY, UNLIKELY = 0.5, 0.3, 0.02  # the teacher's probabilities: of a name, of a word that is there or not
MENTIONED = 0.2  # share of captions from which a word is marked
SHOWN, UNSAID = 0.7, 0.5  # target of what only masks show, and what it counts
SILENT = 0.15  # what a word counts that a title does not mention
OFTEN = 10  # scenes that list a word, from which those that do not list it do not show it
UNSURE = 0.2  # what a word counts of which a scene is not sure, or of which scene and captions disagree
RAREST = 1e-4  # share of photos that a word is said of, at least
EXCLUDED = "mini_imagenet_84px.tar"


class Words:
    """The photos, their words, and how to draw from them. targets: (N, W). weights: (N, W), of their losses.

    photos: those with captions or titles; the archive's come after them. scenes: row -> what is listed of it.
    """

    def __init__(self, data: Path, wordnet: Path, store: Path) -> None:
        nouns = Nouns(wordnet)
        described = described_photos(data / "captions", data / "train", nouns)
        self.photos: list[Described] = [photo for photo in described if photo.tar.name != EXCLUDED]
        files = [f"{photo.tar.parent.name}/{photo.file}" for photo in self.photos]
        files += [f"archive/{file}" for file in archive_files(data / "archive")]
        scenes = read_scenes()
        self.scenes = {row: scenes[file] for row, file in enumerate(files) if file in scenes}
        self.words = vocabulary(self.photos, self.scenes.values())
        self.column = {word: i for i, word in enumerate(self.words)}
        said = torch.from_numpy(targets(self.photos, self.words, nouns))
        none = torch.zeros(len(files) - len(said), len(self.words))
        complete = np.array([photo.complete for photo in self.photos])
        weights = torch.where(torch.from_numpy(complete)[:, None] | (said > 0), 1.0, SILENT)
        self.targets, self.weights = torch.cat([said, none]), torch.cat([weights, none])
        self.said = self.targets.clone()
        self.store = PhotoStore(store, self._pixels(data))
        held_back = np.array([photo.is_held_back for photo in self.photos] + [False] * len(none))
        several = np.concatenate([complete, np.zeros(len(none), bool)])
        self.held_back = np.flatnonzero(held_back & several)
        self._add_scenes(nouns)
        listed, titled = np.zeros((2, len(files)), bool)
        listed[list(self.scenes)], titled[: len(self.photos)] = True, True
        open_to = ~held_back
        self.groups = [
            np.flatnonzero(open_to & listed),
            np.flatnonzero(open_to & ~listed & several),
            np.flatnonzero(open_to & ~listed & titled & ~several),
            np.flatnonzero(open_to & ~listed & ~titled),
        ]
        shares = np.array(SHARES) * [len(rows) > 0 for rows in self.groups]
        self.shares = shares / shares.sum()
        self.chances = [self._rarity(rows) if i == 2 else np.ones(len(rows)) for i, rows in enumerate(self.groups)]
        self.chances = [chance / max(1e-9, chance.sum()) for chance in self.chances]

    def _rarity(self, rows: np.ndarray) -> np.ndarray:
        """Photos of what few show are drawn more often: (n,)."""
        known = self.said[rows]
        return (known / known.sum(0).clamp_min(1).sqrt()).amax(1).double().numpy() + 1e-6

    def _add_scenes(self, nouns: Nouns) -> None:
        """What scenes list is there, and of what is often listed nothing else."""
        often = torch.zeros(len(self.words))
        for scene in self.scenes.values():
            often[self.columns(scene.sure)] += 1
        often = often >= OFTEN
        covers = [covering(word, self.column, nouns) for word in self.words]
        for row, scene in self.scenes.items():
            sure = sorted({above for column in self.columns(scene.sure) for above in covers[column]})
            unsure = {above for column in self.columns(scene.unsure) for above in covers[column]}
            doubtful = sorted(unsure.difference(sure))
            self.weights[row] = torch.where(often, torch.where(self.targets[row] > 0, UNSURE, 1.0), self.weights[row])
            self.targets[row, doubtful], self.weights[row, doubtful] = 0.5, UNSURE
            self.targets[row, sure], self.weights[row, sure] = 1.0, 1.0

    def columns(self, words: tuple[str, ...]) -> list[int]:
        """The columns of words of a scene, of those that are known."""
        same = [SAME.get(word, word) for word in words]
        return list(dict.fromkeys(self.column[word] for word in same if word in self.column))

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
            if i in self.scenes:
                continue  # which says what is there
            unsaid = [word for word in found if self.targets[i, word] < SHOWN]
            self.weights[i, unsaid] = torch.where(self.targets[i, unsaid] < MENTIONED, UNSAID, self.weights[i, unsaid])
            self.targets[i, unsaid] = torch.where(self.targets[i, unsaid] < MENTIONED, SHOWN, self.targets[i, unsaid])

    def prior(self) -> Tensor:
        """(W,): log-odds that words are said of a photo that is drawn, by what they count there."""
        chance = torch.zeros(len(self.targets), dtype=torch.float64)
        for rows, share, own in zip(self.groups, self.shares, self.chances, strict=True):
            chance[rows] = torch.from_numpy(share * own)
        counts = chance[:, None] * self.weights
        return ((counts * self.targets).sum(0) / counts.sum(0)).clamp(RAREST, 1 - RAREST).logit().float()

    def _pixels(self, data: Path):
        yield from tar_photos([(photo.tar, photo.file) for photo in self.photos])
        yield from archive_photos(data / "archive")

    def draw(self, count: int, random: np.random.Generator) -> np.ndarray:
        kinds = random.multinomial(count, self.shares)
        parts = zip(self.groups, kinds, self.chances, strict=True)
        drawn = [random.choice(rows, n, p=chance) for rows, n, chance in parts if n]
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
