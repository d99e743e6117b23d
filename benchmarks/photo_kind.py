"""What it helps to know that all photos of a set are of one kind (`reco segment --one-kind`), and what it costs if they
are not: accuracy and mIoU of the usual method without and with it.

    python benchmarks/photo_kind.py SET [SET ...] [--limit 60]
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from reco_core.datasets.folder import open_folder
from reco_core.methods import BACKGROUND_WORDS
from reco_core.photo_kind import of_one_kind, sample
from reco_core.pipeline import ReCo
from reco_core.presets import usual_method
from reco_core.segmentation import metrics
from reco_core.types import MAX_LABELS


def measure(reco: ReCo, folder: Path, limit: int | None) -> list[metrics.Score]:
    """Of a labelled folder's photos as they are, and of one kind."""
    data, method = open_folder(folder), usual_method(reco.encoder.preset)
    items, background = data.items[:limit], BACKGROUND_WORDS if data.background else ()
    plain = reco.prepare(data.words, method=method, background=background, most=MAX_LABELS)
    kind = of_one_kind(reco, plain, (data.load(item)[0] for item in sample(items)))
    rows, confusion = np.array([0, *data.word_rows]), np.zeros((2, len(data.classes), len(data.classes)), np.int64)
    for item in items:
        photo, truth = data.load(item)
        encoded = reco.encode(photo)
        for i, references in enumerate((plain, kind)):
            said = reco.segment(photo, references, method=method, encoded=encoded).labels
            confusion[i] += metrics.confusion_matrix(truth, rows[said], len(data.classes))
    return [metrics.score(counts) for counts in confusion]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", type=Path, nargs="+", metavar="SET", help="folders as `reco bench` takes them")
    parser.add_argument("--limit", type=int)
    args = parser.parse_args()
    reco = ReCo.load(device="cpu")
    print("accuracy / mIoU, per cent | any photos | of one kind")
    for folder in args.sets:
        cells = (f"{100 * score.accuracy:.1f} / {100 * score.miou:.1f}" for score in measure(reco, folder, args.limit))
        print(" | ".join([folder.name, *cells]), flush=True)


if __name__ == "__main__":
    main()
