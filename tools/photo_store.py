"""The photos mini learns from, decoded once into one flat file, and random crops of them."""

import csv
import io
import json
import logging
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torchvision.transforms.v2 import functional as TF

log = logging.getLogger(__name__)
LONG_SIDE = 320
MEAN = STD = 0.5


def photos_of(archive: Path, train: Path) -> Iterator[Image.Image]:
    """Every photo of the archive folder, then of the training tars, in the order of the manifests."""
    with (archive / "manifest.tsv").open(newline="", encoding="utf-8") as table:
        for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE):
            yield Image.open(archive / row["file"])
    for tar in ("photos.tar", "web_photos.tar", "mini_imagenet_84px.tar"):
        with tarfile.open(train / tar) as members:
            for member in members:
                if member.isfile():
                    yield Image.open(io.BytesIO(members.extractfile(member).read()))


class PhotoStore:
    """Decoded photos (uint8, RGB, long side at most 320) memory-mapped from one file.

    Built on first use; a second run with the same folder starts at once.
    """

    def __init__(self, folder: Path, archive: Path, train: Path) -> None:
        index = folder / "photos.json"
        if not index.exists():
            folder.mkdir(parents=True, exist_ok=True)
            sizes = []
            with (folder / "photos.u8").open("wb") as out:
                for source in photos_of(archive, train):
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

    def batch(self, indices: np.ndarray, size: tuple[int, int], random: np.random.Generator | None) -> torch.Tensor:
        """Crops of the photos, normalised, (B, 3, *size): random ones, or centred when random is None."""
        crops = []
        for i in indices:
            photo = self.photo(i)
            h, w = photo.shape[1:]
            if random is None:
                side = min(h, w)
                box = ((h - side) // 2, (w - side) // 2, side, side)
            else:
                area, aspect = random.uniform(0.25, 1), np.exp(random.uniform(-0.35, 0.35))
                aspect *= size[0] / size[1]
                ch = int(min(h, np.sqrt(area * h * w * aspect)))
                cw = int(min(w, np.sqrt(area * h * w / aspect)))
                ch, cw = max(ch, 16), max(cw, 16)
                box = (random.integers(h - ch + 1), random.integers(w - cw + 1), ch, cw)
            crop = TF.resized_crop(photo, *box, list(size), antialias=True).float().div_(255)
            if random is not None:
                if random.random() < 0.5:
                    crop = crop.flip(-1)
                gain, shift = random.uniform(0.7, 1.3), random.uniform(-0.1, 0.1)
                crop = (crop * gain + shift).clamp_(0, 1)
            crops.append(crop)
        return torch.stack(crops).sub_(MEAN).div_(STD)
