"""The photos mini learns from, decoded once into one flat file, and random crops of them."""

import csv
import io
import json
import logging
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torchvision.transforms.v2 import functional as TF

log = logging.getLogger(__name__)
LONG_SIDE = 320
MEAN = STD = 0.5


def photos_of(archive: Path, train: Path) -> Iterator[Image.Image]:
    """Every photo of the archive folder, then of the training tars, in the order of the manifests."""
    yield from archive_photos(archive)
    for tar in ("photos.tar", "web_photos.tar", "mini_imagenet_84px.tar"):
        with tarfile.open(train / tar) as members:
            for member in members:
                if member.isfile():
                    yield Image.open(io.BytesIO(members.extractfile(member).read()))


def archive_photos(folder: Path) -> Iterator[Image.Image]:
    """Every photo of an archive folder, in the order of its manifest."""
    for file in archive_files(folder):
        yield Image.open(folder / file)


def archive_files(folder: Path) -> list[str]:
    """The files of an archive folder's manifest, in its order."""
    with (folder / "manifest.tsv").open(newline="", encoding="utf-8") as table:
        return [row["file"] for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE)]


def tar_photos(places: Iterable[tuple[Path, str]]) -> Iterator[Image.Image]:
    """Photos of tars, each given by its tar and its name there, in the order given."""
    opened: dict[Path, tarfile.TarFile] = {}
    for tar, name in places:
        if tar not in opened:
            opened[tar] = tarfile.open(tar)  # noqa: SIM115 - read to the end of the program
        yield Image.open(io.BytesIO(opened[tar].extractfile(name).read()))


class Box(NamedTuple):
    """A part of a photo, in pixels, mirrored or not."""

    top: int
    left: int
    height: int
    width: int
    flipped: bool


class PhotoStore:
    """Decoded photos (uint8, RGB, long side at most 320) memory-mapped from one file.

    Built on first use; a second run with the same folder starts at once.
    """

    def __init__(self, folder: Path, photos: Iterable[Image.Image]) -> None:
        index = folder / "photos.json"
        if not index.exists():
            folder.mkdir(parents=True, exist_ok=True)
            sizes = []
            with (folder / "photos.u8").open("wb") as out:
                for source in photos:
                    photo = source.convert("RGB")
                    photo.thumbnail((LONG_SIDE, LONG_SIDE))
                    sizes.append((photo.height, photo.width))
                    out.write(np.asarray(photo).tobytes())
            index.write_text(json.dumps(sizes))
            log.info("decoded %d photos", len(sizes))
        self.sizes = json.loads(index.read_text())
        ends = np.cumsum([3 * h * w for h, w in self.sizes])
        self.starts = np.concatenate([[0], ends[:-1]])
        self.bytes = np.memmap(folder / "photos.u8", np.uint8, "r")

    def __len__(self) -> int:
        return len(self.sizes)

    def photo(self, i: int) -> torch.Tensor:
        """Photo i, (3, H, W) uint8."""
        h, w = self.sizes[i]
        flat = self.bytes[self.starts[i] : self.starts[i] + 3 * h * w]
        return torch.from_numpy(np.array(flat)).view(h, w, 3).permute(2, 0, 1)

    def batch(
        self, indices: np.ndarray, size: tuple[int, int], random: np.random.Generator | None, least: float = 0.25
    ) -> torch.Tensor:
        """Crops of the photos, normalised, (B, 3, *size): random ones, or centred when random is None.

        least: share of a photo that a random crop shows at least.
        """
        boxes = [self.box(i, size, random, least) for i in indices]
        return self.cut(indices, boxes, size, random)

    def box(self, i: int, size: tuple[int, int], random: np.random.Generator | None, least: float = 0.25) -> Box:
        h, w = self.sizes[i]
        if random is None:
            side = min(h, w)
            return Box((h - side) // 2, (w - side) // 2, side, side, False)
        area, aspect = random.uniform(least, 1), np.exp(random.uniform(-0.35, 0.35))
        aspect *= size[0] / size[1]
        ch = max(16, int(min(h, np.sqrt(area * h * w * aspect))))
        cw = max(16, int(min(w, np.sqrt(area * h * w / aspect))))
        top, left = random.integers(h - ch + 1), random.integers(w - cw + 1)
        return Box(int(top), int(left), ch, cw, random.random() < 0.5)

    def cut(
        self, indices: np.ndarray, boxes: Sequence[Box], size: tuple[int, int], random: np.random.Generator | None
    ) -> torch.Tensor:
        """The photos' boxes, normalised, (B, 3, *size); random: in another light."""
        crops = []
        for i, box in zip(indices, boxes, strict=True):
            crop = TF.resized_crop(self.photo(i), *box[:4], list(size), antialias=True).float().div_(255)
            if box.flipped:
                crop = crop.flip(-1)
            if random is not None:
                gain, shift = random.uniform(0.7, 1.3), random.uniform(-0.1, 0.1)
                crop = (crop * gain + shift).clamp_(0, 1)
            crops.append(crop)
        return torch.stack(crops).sub_(MEAN).div_(STD)
