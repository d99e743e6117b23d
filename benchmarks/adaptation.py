"""ReCo+ against ReCo on labelled photos, whose labels adapting never sees.

    python benchmarks/adaptation.py FOLDER WORK [--folds 2] [--steps N] [--json FILE]

FOLDER is a plain folder of labelled photos (docs/benchmarks.md). They are split into parts, every second photo to
the same one. For each part a specialist is trained on its photos alone, in WORK (continued if it was interrupted),
and measured on the photos adapted to and on those held out, beside ReCo. With --folds 1 all photos are adapted to.
Figures of the parts are pooled; intervals are 95 % of a bootstrap over photos, of differences of a paired one.
"""

import argparse
import json
import logging
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from reco_core.adaptation.job import Job, adapt
from reco_core.adaptation.recipe import find_recipe
from reco_core.cli.progress_log import ProgressLog
from reco_core.datasets.dataset import Dataset
from reco_core.datasets.folder import open_folder
from reco_core.evaluation import bench
from reco_core.evaluation.report import interval, rounded, unpack
from reco_core.evaluation.settings import machine
from reco_core.evaluation.variants import of_methods
from reco_core.methods import BACKGROUND_WORDS
from reco_core.photo_sources.source import Files
from reco_core.pipeline import ReCo
from reco_core.segmentation import metrics
from reco_core.types import PhotoRecord

METHODS = ("reco", "reco_crf", "reco2", "reco2_crf")
ROW = "specialist"


def parts(data: Dataset, folds: int) -> list[Dataset]:
    """Every so many-th photo to the same part."""
    return [replace(data, items=data.items[fold::folds]) for fold in range(folds)]


def source(data: Dataset) -> Files:
    """A part's photos, without labels."""
    records = [PhotoRecord(item.photo.name, 0, 0, "", "", "", "", "", "", item.key) for item in data.items]
    return Files(data.name, [(r, item.photo) for r, item in zip(records, data.items, strict=True)])


def pooled(reports: list[dict]) -> dict:
    """Pixel counts (photos, classes, 3) by row, of all parts."""
    rows = reports[0]["methods"]
    classes = len(next(iter(rows.values()))["per_class"])
    return {row: np.concatenate([unpack(r["per_photo"], row, classes) for r in reports]) for row in rows}


def summary(counts: dict[str, np.ndarray], seconds: dict[str, float], classes: tuple[str, ...]) -> dict:
    """Accuracy and mIoU of each row with their intervals, and by how much the specialist is better than it."""
    samples = {row: metrics.bootstrap(own) for row, own in counts.items()}
    out = {}
    for row, own in counts.items():
        total, gained = metrics.score_counts(own.sum(0)), samples[ROW] - samples[row]
        out[row] = {
            "accuracy": rounded(total.accuracy),
            "accuracy_interval": interval(samples[row][:, 0]),
            "miou": rounded(total.miou),
            "miou_interval": interval(samples[row][:, 1]),
            "accuracy_gained": interval(gained[:, 0]),
            "miou_gained": interval(gained[:, 1]),
            "per_class": {c: rounded(iou) for c, iou in zip(classes, total.iou.tolist(), strict=True)},
            "seconds_per_photo": rounded(seconds[row]),
            "photos": len(own),
        }
    return out


def table(rows: dict) -> str:
    """Rows as Markdown."""

    def percent(value: float, interval: list[float]) -> str:
        return f"{100 * value:.1f} ({100 * interval[0]:.1f}, {100 * interval[1]:.1f})"

    lines = ["| | accuracy | mIoU | specialist's gain in accuracy | in mIoU | s a photo |", "|---|---|---|---|---|---|"]
    for name, row in rows.items():
        gains = [f"{100 * low:+.1f} to {100 * high:+.1f}" for low, high in (row["accuracy_gained"], row["miou_gained"])]
        lines.append(
            f"| {name} | {percent(row['accuracy'], row['accuracy_interval'])} | "
            f"{percent(row['miou'], row['miou_interval'])} "
            f"| {' | '.join(gains if name != ROW else ['', ''])} | {row['seconds_per_photo']:.3f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--folds", type=int, default=2)
    parser.add_argument("--recipe", default="quick")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, help="only the first photos")
    parser.add_argument("--device")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    torch.set_num_threads(args.threads)
    data = open_folder(args.folder)
    data = replace(data, items=data.items[: args.limit])
    reco = ReCo.load(device=args.device)
    recipe = find_recipe(args.recipe)
    recipe = replace(recipe, steps=args.steps) if args.steps else recipe
    job = Job(
        data.words, recipe, background=BACKGROUND_WORDS if data.background else (), rounds=args.rounds, seed=args.seed
    )
    measured: dict[str, list[dict]] = {"adapted": [], "held out": []}
    minutes: list[float | None] = []
    own = parts(data, args.folds)
    for fold, part in enumerate(own):
        started, out_folder = time.perf_counter(), args.work / f"part-{fold + 1}-of-{args.folds}"
        anew = not out_folder.exists()
        made = adapt(reco, source(part), job, out_folder, device=args.device, control=ProgressLog())
        minutes.append(round((time.perf_counter() - started) / 60, 2) if anew else None)  # None: not in this run alone
        rest = tuple(item for other in own if other is not part for item in other.items)
        for kind, items in (("adapted", part.items), ("held out", rest)):
            if items:
                report = bench.run(
                    reco,
                    replace(data, items=items),
                    of_methods(METHODS),
                    specialists={ROW: made},
                    control=ProgressLog(),
                )
                measured[kind].append(report)
    out: dict = {
        "data": data.name,
        "folds": args.folds,
        "job": made.about["job"],
        "adapting_minutes": minutes,
        "machine": machine(),
    }
    for kind, reports in measured.items():
        if reports:
            seconds = {
                row: float(np.mean([r["methods"][row]["seconds_per_photo"] for r in reports]))
                for row in reports[0]["methods"]
            }
            out[kind] = summary(pooled(reports), seconds, data.classes)
            print(
                f"\n{data.name}, photos {kind}: {out[kind][ROW]['photos']}, adapted in {minutes} "
                f"minutes\n\n{table(out[kind])}"
            )
    if args.json:
        args.json.write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
