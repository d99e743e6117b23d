"""Discovery against two baselines that are named the same way, with the measures of zero-guidance segmentation.

    python benchmarks/discovery.py FOLDER [--limit 60] [--json REPORT.json]

FOLDER is a plain folder of labelled photos (images/*.jpg, labels/*.png, meta.json). Baselines: SLIC superpixels and
k-means of the same features, both without merging, about as many as the paper's twenty parts; k-means also with as
many as
discovery begins with. Names are reassigned to classes by text (sentence embeddings, below 0.5 to none, which is the
background where the set has one) and by image (the segment's own embedding; where there is a background, its
words compete). "right": the share of segments, and of pixels, whose name's class is the one that most of the segment
has. With --json an interrupted run goes on from the journal beside the report.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from scipy.cluster.vq import kmeans2
from skimage.segmentation import slic
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks import reassignment
from reco_core.datasets.dataset import Dataset
from reco_core.datasets.folder import open_folder
from reco_core.evaluation.journal import Journal
from reco_core.evaluation.settings import fingerprint, machine
from reco_core.evaluation.tables import markdown, percent
from reco_core.methods import BACKGROUND_WORDS
from reco_core.models import sentence_encoder
from reco_core.pipeline import WORKING_SIDE, ReCo
from reco_core.segmentation import metrics, score_maps
from reco_core.types import Discovery
from reco_core.utils.images import limit_size, resize_labels
from reco_core.zeroguidance.clustering import part_affinities
from reco_core.zeroguidance.discovery import PARTS, Discoverer
from reco_core.zeroguidance.embedding import embed_words

FINE = 20  # the paper's number of leaves
SEED = 0
Find = Callable[[Discoverer, np.ndarray], Discovery]


def superpixels(discoverer: Discoverer, photo: np.ndarray) -> Discovery:
    """SLIC with scikit-image's own settings."""
    return named(discoverer, photo, slic(limit_size(photo, WORKING_SIDE), FINE, start_label=0))


def clusters(count: int) -> Find:
    """k-means of the features, enlarged as discovery enlarges them; neither merged nor refined."""

    def find(discoverer: Discoverer, photo: np.ndarray) -> Discovery:
        features = discoverer.reco.encode(photo).features[0].cpu()
        points = features.flatten(0, 1).numpy()
        _, owner = kmeans2(points, min(count, len(points)), minit="++", rng=np.random.default_rng(SEED), missing="warn")
        parts = np.unique(owner, return_inverse=True)[1].reshape(features.shape[:2])
        maps = score_maps.resize(part_affinities(features, parts), limit_size(photo, WORKING_SIDE).shape[:2])
        return named(discoverer, photo, maps.argmax(0).numpy())

    return find


def named(discoverer: Discoverer, photo: np.ndarray, regions: np.ndarray) -> Discovery:
    """Regions of the shrunk photo, named as discovery names its own."""
    full = resize_labels(regions.astype(np.uint8), photo.shape[:2])
    return discoverer.divide(discoverer.read(photo, regions=full))


METHODS: dict[str, Find] = {
    "discover": lambda discoverer, photo: discoverer.discover(photo),
    "SLIC superpixels": superpixels,
    f"k-means, {FINE}": clusters(FINE),
    f"k-means, {PARTS}": clusters(PARTS),
}


class Classes:
    """The classes of a data set as words, for both reassignments."""

    def __init__(self, data: Dataset, discoverer: Discoverer) -> None:
        self.sentences = sentence_encoder.load()
        self.data, self.by_text = data, self.sentences(list(data.words))
        around = tuple(word for word in BACKGROUND_WORDS if word not in data.words) if data.background else ()
        self.by_image: Tensor = embed_words(discoverer.reco.encoder, (*data.words, *around))
        self.rows = (*data.word_rows, *(0 for _ in around))

    def of_names(self, names: tuple[str, ...]) -> np.ndarray:
        otherwise = 0 if self.data.background else reassignment.NONE
        return reassignment.reassign(
            self.sentences(list(names)), self.by_text, self.data.word_rows, otherwise=otherwise
        )

    def of_images(self, embeddings: Tensor) -> np.ndarray:
        return reassignment.reassign(embeddings, self.by_image, self.rows, None)


def measure(found: Discovery, truth: np.ndarray, classes: Classes) -> dict:
    """One photo's counts, as plain data."""
    data, labels = classes.data, found.labels.astype(np.int64) - 1
    named, seen = classes.of_names(found.names), classes.of_images(found.embeddings)
    true = reassignment.majority(truth, labels)
    judged = true != reassignment.NONE
    areas = np.bincount(labels[truth >= 0], minlength=len(true))
    things = judged & (true >= 1) if data.background else judged
    right = named == true
    return {
        "matches": list(
            reassignment.best_matches(truth, labels, range(int(data.background), len(data.classes))).values()
        ),
        "text": sparse(reassignment.pixel_counts(truth, named[labels], len(data.classes))),
        "image": sparse(reassignment.pixel_counts(truth, seen[labels], len(data.classes))),
        "right": [int(right[judged].sum()), int(judged.sum())],
        "right_things": [int(right[things].sum()), int(things.sum())],
        "right_pixels": [int(areas[judged & right].sum()), int(areas[judged].sum())],
        "seconds": sum(found.timings.values()),
    }


def sparse(counts: np.ndarray) -> list[list[int]]:
    rows = np.flatnonzero(counts.any(1))
    return np.column_stack([rows, counts[rows]]).tolist()


def dense(entries: list[list[list[int]]], classes: int) -> np.ndarray:
    out = np.zeros((len(entries), classes, 3), np.int64)
    for photo, rows in enumerate(entries):
        for row, *counts in rows:
            out[photo, row] = counts
    return out


def summary(entries: list[dict], classes: int) -> dict:
    """The figures of one method over all photos, shares 0..1."""
    matches = [match for entry in entries for match in entry["matches"]]

    def share(of: str) -> float:
        right, all_ = np.sum([entry[of] for entry in entries], 0)
        return float(right / all_)

    out = {
        "recall": dict(zip(map(str, reassignment.THRESHOLDS), reassignment.recall(matches), strict=True)),
        "best_iou": float(np.mean(matches)),
    }
    for of in ("text", "image"):
        counts = dense([entry[of] for entry in entries], classes)
        out[f"miou_{of}"] = metrics.score_counts(counts.sum(0)).miou
        out[f"miou_{of}_interval"] = np.percentile(metrics.bootstrap(counts, seed=SEED)[:, 1], [2.5, 97.5]).tolist()
    out.update({of: share(of) for of in ("right", "right_things", "right_pixels")})
    out["segments"] = float(np.mean([entry["right"][1] for entry in entries]))
    out["seconds"] = float(np.median([entry["seconds"] for entry in entries]))
    return out


def table(rows: dict[str, dict]) -> str:
    """The figures in per cent."""
    columns = ["best_iou", "miou_text", "miou_image", "right", "right_things", "right_pixels"]
    titles = [
        "",
        "recall at IoU 0.5",
        "best match IoU",
        "mIoU by text",
        "mIoU by image",
        "right segments",
        "right segments on things",
        "right pixels",
        "segments",
        "s a photo",
    ]
    lines = [
        [
            name,
            percent(row["recall"]["0.5"]),
            *(percent(row[column]) for column in columns),
            f"{row['segments']:.1f}",
            f"{row['seconds']:.2f}",
        ]
        for name, row in rows.items()
    ]
    return markdown(titles, lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    data, discoverer = open_folder(args.folder), Discoverer(ReCo.load())
    items, classes = data.items[: args.limit], Classes(data, discoverer)
    settings = {
        "data": data.name,
        "photos": fingerprint(items),
        "methods": list(METHODS),
        "weights": discoverer.reco.encoder.hash,
        "archive": discoverer.reco.archive.hash,
        "words": discoverer.vocabulary.words.hash,
        "parts": PARTS,
        "count": len(items),
    }
    journal = Journal(args.json, settings)
    for done, item in enumerate(items, 1):
        if item.key not in journal.done:
            photo, truth = data.load(item)
            journal.add(
                {
                    "photo": item.key,
                    **{name: measure(find(discoverer, photo), truth, classes) for name, find in METHODS.items()},
                }
            )
        print(f"{done} of {len(items)}", end="\r", file=sys.stderr)
    entries = [journal.done[item.key] for item in items]
    rows = {name: summary([entry[name] for entry in entries], len(data.classes)) for name in METHODS}
    print(f"{data.name}, {len(items)} photos\n\n{table(rows)}")
    if args.json:
        args.json.write_text(json.dumps({**settings, "rows": rows, "machine": machine()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
