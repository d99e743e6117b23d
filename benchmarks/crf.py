"""The paper's dense CRF, on every pixel, against the fast one (`segmentation/refinement.py`).

Seconds, how often they agree, and quality:

    python benchmarks/crf.py [--photos FOLDER ...] [--limit 60]
    python benchmarks/crf.py --labelled FOLDER [--limit 60]

Real scores of the bundled model; without a folder, on the photos that scikit-image carries. Photos of
--photos need no labels. `changed` is the share of pixels that the exact CRF gives another label;
`alike` the share of all pixels where exact and fast agree, `alike of changed` of those that the exact CRF
changed, `alike of touched` of those that either changed. Seconds are means of calls in turns, one process.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import skimage.data
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from reco_core.datasets.dataset import Dataset
from reco_core.datasets.folder import open_folder
from reco_core.methods import BACKGROUND_WORDS
from reco_core.pipeline import WORKING_SIDE, ReCo
from reco_core.segmentation import crf, metrics, refinement
from reco_core.types import MAX_LABELS
from reco_core.utils.images import limit_size, read_photo, resize_labels

WORDS = ("cat", "dog", "person", "car", "bicycle", "bird", "boat", "flower", "food", "chair", "shoe", "bottle")
CARRIED = ("astronaut", "chelsea", "coffee", "rocket")


class Tally:
    """What is added up over the photos for one method."""

    def __init__(self, classes: int) -> None:
        self.seconds = np.zeros(2)
        self.pixels = np.zeros(6)  # all, changed by exact, by either; and those of each where both agree
        self.confusion = np.zeros((3, classes, classes), np.int64)
        self.photos = 0

    def row(self, labelled: bool) -> str:
        (exact, fast), (every, changed, either, *alike) = self.seconds / self.photos, self.pixels
        cells = [f"{self.photos}", f"{exact:.3f}", f"{fast:.3f}", f"{fast / exact:.2f}", f"{changed / every:.3f}"]
        cells += [f"{a / max(of, 1):.3f}" for a, of in zip(alike, (every, changed, either), strict=True)]
        if labelled:
            scores = [metrics.score(confusion) for confusion in self.confusion]
            cells += [f"{100 * s.miou:.2f}" for s in scores] + [f"{100 * s.accuracy:.2f}" for s in scores]
        return " | ".join(cells)


def unlabelled(folders: list[Path], limit: int) -> Iterator[np.ndarray]:
    """Photos spread over each folder, or scikit-image's."""
    for folder in folders:
        files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in (".jpg", ".jpeg", ".png"))
        for file in files[:: max(1, len(files) // limit)][:limit]:
            yield read_photo(file)
    if not folders:
        yield from (getattr(skimage.data, name)() for name in CARRIED[:limit])


def fast(photo: np.ndarray, scores: np.ndarray) -> np.ndarray:
    return refinement.refine(photo, torch.from_numpy(scores)).numpy()


def measure(tally: Tally, photo: np.ndarray, scores: np.ndarray, truth: np.ndarray | None, rows: np.ndarray) -> None:
    """Add one photo: `photo` as large as its scores, `truth` (class of each pixel) as large as it likes."""
    none, labels, ways = scores.argmax(0), {}, [crf.refine, fast]
    for way in ways[:: 1 if tally.photos % 2 else -1]:
        started = time.perf_counter()
        labels[way] = way(photo, scores)
        tally.seconds[ways.index(way)] += time.perf_counter() - started
    exact, ours = (labels[way] for way in ways)
    same, changed = exact == ours, exact != none
    either = changed | (ours != none)
    tally.pixels += [same.size, changed.sum(), either.sum(), same.sum(), same[changed].sum(), same[either].sum()]
    tally.photos += 1
    if truth is not None:
        for i, found in enumerate((none, exact, ours)):
            mapped = rows[resize_labels(found.astype(np.uint8), truth.shape)]
            tally.confusion[i] += metrics.confusion_matrix(truth, mapped, tally.confusion.shape[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, nargs="+", default=[])
    parser.add_argument("--labelled", type=Path)
    parser.add_argument("--limit", type=int, default=60, help="photos of each folder")
    parser.add_argument("--methods", nargs="+", default=["reco", "reco2"])
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    reco = ReCo.load(device="cpu")
    data: Dataset | None = open_folder(args.labelled) if args.labelled else None
    words, background = (data.words, BACKGROUND_WORDS if data.background else ()) if data else (WORDS, BACKGROUND_WORDS)
    rows = np.array([0, *data.word_rows]) if data else np.arange(len(words) + 1)
    pairs = data.pairs(args.limit) if data else ((photo, None) for photo in unlabelled(args.photos, args.limit))
    known = {m: reco.prepare(words, method=m, background=background, most=MAX_LABELS) for m in args.methods}
    tallies = {method: Tally(len(data.classes) if data else 0) for method in args.methods}
    for photo, truth in pairs:
        working, encoded = limit_size(photo, WORKING_SIDE), reco.encode(photo)
        for method, references in known.items():
            scores = reco.segment(photo, references, method=method, encoded=encoded).scores
            measure(tallies[method], working, scores, truth, rows)
    columns = ["method", "photos", "exact s", "fast s", "ratio", "changed", "alike", "alike of changed"]
    columns += ["alike of touched"]
    if data:
        columns += [f"{what} {crf_is}" for what in ("mIoU", "accuracy") for crf_is in ("none", "exact", "fast")]
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for method, tally in tallies.items():
        print(f"| {method} | {tally.row(data is not None)} |")


if __name__ == "__main__":
    main()
