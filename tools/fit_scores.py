"""Choose reco2's constants by photos whose content is known without pixel labels.

    python tools/fit_scores.py COLLAGES --data ../shared/data --wordnet /usr/share/wordnet --photos build/words \
        [--try word_in_photo=0.3,0.4 word_reference=0.5,0.8 ...]

COLLAGES: folder of tools/collages.py, objects on scenes. Beside them, the photos that were marked by eye at points
(tools/points.py): streets, asked for eleven names, and all, asked for everything that was marked. Prints the mean IoU
on each for every combination of the values that are to be tried; of collages also as people ask: the names that are in
a picture and two that are not.
"""

import argparse
import itertools
import sys
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from points import UNCOUNTED as UNSURE
from points import Marked, marked_photos, positions, read_marks
from word_photos import Words

from reco_core.datasets.dataset import UNCOUNTED
from reco_core.datasets.folder import open_folder
from reco_core.methods import BACKGROUND_WORDS, Temperatures, find_method
from reco_core.pipeline import ReCo
from reco_core.segmentation import score_maps
from reco_core.segmentation.scorers import Smoothed, combine, smooth_all

METHOD = find_method("reco2")
IGNORED = 255
STRANGERS = 2  # names asked for that are not in the picture
LEAST_POINTS = 8  # of a name
NEVER = -1e4  # not infinite: between positions it would be no number
STREET = ("sky", "building", "pole", "road", "pavement", "tree", "traffic sign", "fence", "car", "person", "bicycle")


@dataclass(frozen=True)
class Example:
    """A photo as scorers see it. asked: number of concepts. truth: 0 background, the i-th asked, or ignored; of
    positions (n, 2), x and y as shares of the photo's sides.
    """

    smoothed: Smoothed
    asked: int
    truth: np.ndarray
    positions: np.ndarray


def read_collages(reco: ReCo, folder: Path) -> list[Example]:
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
        small = np.asarray(Image.fromarray(known).resize((width, height), Image.Resampling.NEAREST))
        y, x = np.mgrid[:height, :width].reshape(2, -1)
        places = np.stack([(x + 0.5) / width, (y + 0.5) / height], 1)
        out.append(Example(smoothed, len(data.words), small.ravel(), places))
    return out


def read_points(reco: ReCo, photos: Iterable[Marked], names: tuple[str, ...]) -> list[Example]:
    references = reco.prepare(names, method=METHOD, background=(), most=255)
    label = {name: i for i, name in enumerate(names, 1)}
    out = []
    for marked in photos:
        seen = reco.scorer.compare(reco.encode(marked.photo), references.concepts)
        smoothed = smooth_all(seen, METHOD.scoring, reco.encoder.preset.temperatures)
        truth = np.array([label.get(said, IGNORED) for said in marked.labels])
        out.append(Example(smoothed, len(names), truth, positions(*marked.photo.shape[:2])))
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
            merged[hidden] = NEVER
        places = torch.from_numpy(2 * example.positions - 1).float()[None, None]  # (1, 1, n, 2)
        at = F.grid_sample(merged[None], places, padding_mode="border", align_corners=False)[0, :, 0]
        np.add.at(confusion, (example.truth[known], at.argmax(0).numpy()[known]), 1)
    union = confusion.sum(0) + confusion.sum(1) - np.diag(confusion)
    seen = confusion.sum(1) >= LEAST_POINTS
    return float(np.mean(np.diag(confusion)[seen] / union[seen]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collages", type=Path)
    for name in ("data", "wordnet", "photos"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--try", dest="tried", nargs="*", default=[], metavar="NAME=VALUE,...")
    args = parser.parse_args()
    reco = ReCo.load(device="cpu")
    usual = reco.encoder.preset.temperatures
    names = [choice.partition("=")[0] for choice in args.tried]
    strange = set(names) - {field.name for field in fields(Temperatures)}
    if strange:
        parser.error(f"no constants of reco2: {', '.join(strange)}")
    collages = read_collages(reco, args.collages)
    marked = list(marked_photos(Words(args.data, args.wordnet, args.photos)))
    everything = sorted({label for kind in read_marks().values() for labels in kind.values() for label in labels})
    streets = read_points(reco, (photo for photo in marked if photo.kind == "streets"), STREET)
    everyday = read_points(reco, marked, tuple(name for name in everything if name not in UNSURE))
    values = [[float(value) for value in choice.partition("=")[2].split(",")] for choice in args.tried]
    for combination in itertools.product(*values):
        changed = dict(zip(names, combination, strict=True))
        t = replace(usual, **changed)
        found = [mean_iou(collages, t), mean_iou(collages, t, few=True), mean_iou(streets, t), mean_iou(everyday, t)]
        said = " ".join(f"{100 * value:.1f}" for value in found)
        print(changed, "collages, as asked, streets, everyday:", said, flush=True)


if __name__ == "__main__":
    main()
