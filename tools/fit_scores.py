"""Choose reco2's constants by photos whose content is known without pixel labels.

    python tools/fit_scores.py COLLAGES SCENES [--try word=0.5,1,2 word_archive=0,0.3 ...]

COLLAGES: folder of tools/collages.py, objects on scenes. SCENES: folder of tools/scenes.py, captioned everyday photos.
Prints the mean IoU on each, on the grid of patches, for every combination of the values that are to be tried; and for
scenes also as people ask: the names that are in a photo and two that are not.
"""

import argparse
import itertools
import sys
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from reco_core.datasets.dataset import UNCOUNTED
from reco_core.datasets.folder import open_folder
from reco_core.methods import BACKGROUND_WORDS, Temperatures, find_method
from reco_core.pipeline import ReCo
from reco_core.segmentation import score_maps
from reco_core.segmentation.scorers import Smoothed, combine, smooth_all

METHOD = find_method("reco2")
IGNORED = 255
STRANGERS = 2  # names asked for that are not in the photo


@dataclass(frozen=True)
class Example:
    """A photo as scorers see it. asked: number of concepts. truth: (h, w), 0 background, the i-th asked, or ignored."""

    smoothed: Smoothed
    asked: int
    truth: np.ndarray


def read(reco: ReCo, folder: Path) -> list[Example]:
    data = open_folder(folder)
    background = BACKGROUND_WORDS if data.background else ()
    references = reco.prepare(data.words, method=METHOD, background=background, most=255)
    label = np.full(len(data.classes), IGNORED)
    label[list(data.word_rows)] = np.arange(1, len(data.words) + 1)
    if data.background:
        label[0] = 0
    out = []
    for photo, truth in data.pairs():
        seen = reco.scorer.compare(reco.encode(photo), (*references.concepts, *references.background))
        seen.expected[len(data.words) :] = True
        smoothed = smooth_all(seen, METHOD.scoring, reco.encoder.preset.temperatures)
        known = np.where(truth == UNCOUNTED, IGNORED, label[np.maximum(truth, 0)]).astype(np.uint8)
        height, width = smoothed.reference.shape[1:]
        small = Image.fromarray(known).resize((width, height), Image.Resampling.NEAREST)
        out.append(Example(smoothed, len(data.words), np.asarray(small)))
    return out


def mean_iou(examples: list[Example], temperatures: Temperatures, few: bool = False) -> float:
    """few: asked for what is there and `STRANGERS` more, in place of everything."""
    count = examples[0].asked + 1
    confusion = np.zeros((count, count))
    for i, example in enumerate(examples):
        scores = combine(example.smoothed, METHOD.scoring, temperatures)
        merged = score_maps.merge_background(scores, example.asked)
        known = example.truth != IGNORED
        if few:
            there = np.unique(example.truth[known])
            strange = np.setdiff1d(np.arange(1, count), there)
            asked = np.union1d(there, np.random.default_rng(i).choice(strange, STRANGERS, replace=False))
            hidden = np.setdiff1d(np.arange(1, count), asked)
            merged[hidden] = -torch.inf
        found = merged.argmax(0).numpy()
        np.add.at(confusion, (example.truth[known], found[known]), 1)
    union = confusion.sum(0) + confusion.sum(1) - np.diag(confusion)
    seen = confusion.sum(1) > 0
    return float(np.mean(np.diag(confusion)[seen] / union[seen]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collages", type=Path)
    parser.add_argument("scenes", type=Path)
    parser.add_argument("--try", dest="tried", nargs="*", default=[], metavar="NAME=VALUE,...")
    args = parser.parse_args()
    reco = ReCo.load(device="cpu")
    collages, scenes = read(reco, args.collages), read(reco, args.scenes)
    usual = reco.encoder.preset.temperatures
    names = [choice.partition("=")[0] for choice in args.tried]
    strange = set(names) - {field.name for field in fields(Temperatures)}
    if strange:
        parser.error(f"no constants of reco2: {', '.join(strange)}")
    values = [[float(value) for value in choice.partition("=")[2].split(",")] for choice in args.tried]
    for combination in itertools.product(*values):
        changed = dict(zip(names, combination, strict=True))
        t = replace(usual, **changed)
        found = [mean_iou(collages, t), mean_iou(scenes, t), mean_iou(scenes, t, few=True)]
        print(
            changed, "collages, scenes, scenes as asked:", " ".join(f"{100 * value:.1f}" for value in found), flush=True
        )


if __name__ == "__main__":
    main()
