"""An exported page's graph under onnxruntime against Python, photo by photo: how alike, how good, how large.

    python benchmarks/page.py FOLDER [--limit 100] [--weights float16 int8]

FOLDER has labelled photos, as `reco bench` takes them; those of more than 3:1, which Python reads in windows and a page
at once, are left out. `scores` and `presence`: the largest
difference on any photo; `labels`: the share of pixels with the same label, mean and least; mIoU over all photos.
"""

import argparse
import copy
import sys
from pathlib import Path

import numpy as np
import onnxruntime

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from reco_core.datasets.folder import open_folder
from reco_core.export.page.graph import PhotoGraph, about, feeds, to_onnx
from reco_core.export.page.weights import WEIGHTS, packed, shrink
from reco_core.methods import find_method
from reco_core.pipeline import ReCo, working_photo
from reco_core.segmentation import metrics
from reco_core.types import MAX_LABELS
from reco_core.utils.images import resize_labels
from reco_core.utils.panoramas import is_long

METHOD = find_method("reco2_crf")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--weights", nargs="+", default=["float16", "steps"], choices=WEIGHTS)
    args = parser.parse_args()
    data, reco = open_folder(args.folder), ReCo.load(device="cpu")
    references = reco.prepare(data.words, method=METHOD, most=MAX_LABELS)
    graph, sessions, sizes = to_onnx(PhotoGraph(reco, references, METHOD)), {}, {}
    for weights in args.weights:
        small = copy.deepcopy(graph)
        shrink(small, weights)
        content = small.SerializeToString()
        sessions[weights] = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        sizes[weights] = len(packed(small)) / 1e6
    classes = len(data.classes)
    rows = np.array([0, *data.word_rows])
    confusion = {name: np.zeros((classes, classes), np.int64) for name in ("python", *args.weights)}
    differences: dict[str, list[tuple[float, float, float]]] = {weights: [] for weights in args.weights}
    for item in data.items[:: max(1, len(data.items) // args.limit)][: args.limit]:
        photo, truth = data.load(item)
        if is_long(photo.shape):
            continue
        small = working_photo(photo)
        ours = reco.segment(small, references, method=METHOD)
        confusion["python"] += metrics.confusion_matrix(truth, rows[resize_labels(ours.labels, truth.shape)], classes)
        for weights, session in sessions.items():
            labels, presence, scores = session.run(None, feeds(small, about(graph)))
            confusion[weights] += metrics.confusion_matrix(truth, rows[resize_labels(labels, truth.shape)], classes)
            apart = float(np.abs(scores - ours.scores).max()), float(np.abs(presence - ours.presence).max())
            differences[weights].append((*apart, float((labels == ours.labels).mean())))
    print(f"python: mIoU {100 * metrics.score(confusion['python']).miou:.2f}")
    for weights, apart in differences.items():
        table = np.array(apart)
        print(
            f"{weights}: {sizes[weights]:.1f} MB, mIoU {100 * metrics.score(confusion[weights]).miou:.2f}, "
            f"scores {table[:, 0].max():.1e} (median {np.median(table[:, 0]):.1e}), presence {table[:, 1].max():.1e}, "
            f"labels {100 * table[:, 2].mean():.2f} %, at least {100 * table[:, 2].min():.2f} %"
        )


if __name__ == "__main__":
    main()
