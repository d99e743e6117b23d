"""Tiny recipes, labelled photos of plain colours, and one specialist, for tests of adaptation."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn

from reco_core.adaptation import specialist
from reco_core.adaptation.crops import Example
from reco_core.adaptation.job import Job, adapt
from reco_core.adaptation.labels import Labelled
from reco_core.adaptation.recipe import RECIPES, Recipe
from reco_core.adaptation.specialist import Specialist
from reco_core.cli.main import main
from reco_core.photo_sources.factory import open_source
from reco_core.pipeline import ReCo

TINY = Recipe(
    "tiny", "for tests", blocks=3, channels=16, side=64, views=(1.0,), crop=64, batch=2, steps=4, check=2, warmup=1
)
COLOURS = np.array([[120, 120, 120], [220, 30, 30], [30, 40, 220]], np.uint8)  # of labels 0, 1, 2
NAMES = ("cat", "coffee cup", "rocket")


class Little(nn.Module):
    """An encoder in mini's place of a few thousand parameters: what trains it does not know the difference."""

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 7, 4, 3), nn.BatchNorm2d(16), nn.ReLU())
        self.deep = nn.Sequential(nn.Conv2d(16, 32, 5, 4, 2), nn.BatchNorm2d(32), nn.ReLU())
        self.out_channels = [3, 0, 16, 0, 32]

    def forward(self, photos: Tensor) -> list[Tensor | None]:
        edges = self.stem(photos)
        return [photos, None, edges, None, self.deep(edges)]


def painted(folder: Path, count: int, seed: int = 0, size: tuple[int, int] = (64, 96)) -> list[Example]:
    """Photos whose colour is their label, in upright stripes of random widths; all of it is sure."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    out = []
    for i in range(count):
        edges = np.sort(rng.integers(size[1] // 6, size[1] - size[1] // 6, 2))
        order = rng.permutation(3)
        labels = np.broadcast_to(order[np.searchsorted(edges, np.arange(size[1]), "right")], size).astype(np.uint8)
        example = Example.at(folder, f"{i:05d}")
        example.write(COLOURS[labels], Labelled(labels, np.full(size, 255, np.uint8)))
        out.append(example)
    return out


def take(folder: Path, step: int = 4) -> Path:
    """Eight small photos of scikit-image: seven that are wide, upright or grey, and one of them twice as large."""
    folder.mkdir(parents=True)
    cat, coffee, rocket = (getattr(skimage.data, n)()[::step, ::step] for n in ("chelsea", "coffee", "rocket"))
    photos = {
        "a": cat,
        "b": coffee,
        "c": rocket,
        "d": skimage.data.astronaut()[::step, ::step],
        "e": cat[:, :60],
        "f": coffee.mean(-1).astype(np.uint8),
        "g": rocket[:70],
        "h": skimage.data.chelsea()[:: step // 2, :: step // 2],
    }
    for name, photo in photos.items():
        Image.fromarray(np.ascontiguousarray(photo)).save(folder / f"{name}.png")
    return folder


@cache
def made(base: Path) -> tuple[Path, Path]:
    """A specialist as the command line makes it, and its photos; once for all tests, since exporting takes seconds."""
    folder = base / "adapted"
    photos = take(folder / "photos")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RECIPES, "tiny", TINY)
        command = ["adapt", str(photos), ", ".join(NAMES), "--out", str(folder / "out"), "--recipe", "tiny"]
        assert main([*command, "--device", "cpu", "--seed", "3"]) == 0
    return folder / "out", photos


def weights_of(folder: Path) -> dict[str, Tensor]:
    """A specialist's weights."""
    return load_file(folder / specialist.WEIGHTS)


FILES = {"specialist.onnx", "specialist.safetensors", "specialist.json", "README.md", "curve.png", "examples.jpg"}


HERE = "cpu:0"  # as any device but "cpu", a specialist is then used with PyTorch


def make(reco: ReCo, folder: Path, out: Path, names: tuple[str, ...] = NAMES, **options) -> Specialist:
    """adapt, with some of a job's fields, and some of adapt's own arguments."""
    own = {name: options.pop(name) for name in ("control", "enough", "watch", "fetch") if name in options}
    with open_source(folder) as source:
        return adapt(reco, source, Job(names, **{"recipe": TINY, **options}), out, device=HERE, **own)


def alike(first: Path, second: Path, atol: float = 1e-5) -> bool:
    one, two = weights_of(first), weights_of(second)
    return one.keys() == two.keys() and all(torch.allclose(v, two[n], atol=atol) for n, v in one.items())
