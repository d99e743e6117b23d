"""ReCo+ against ReCo on labelled photos, whose labels adapting never sees.

    python benchmarks/adaptation.py WORK FOLDER[:NAMES] ... [--splits 0 1] [--folds 2] [--steps N] [--json FOLDER]

FOLDERs are plain folders of labelled photos (docs/benchmarks.md), with ":25" asked for their 25 most frequent names.
Each is split into parts: split 0 gives every second photo to the same one, other numbers draw them at random. For each
part a specialist is trained on its photos alone, in WORK (continued if it was interrupted), and measured on the photos
adapted to and on those held out, beside ReCo. With --folds 1 all photos are adapted to. Prints a row per part, and the
parts pooled; intervals are 95 % of a bootstrap over photos, of differences of a paired one.
"""

import argparse
import json
import logging
import sys
import time
from collections import Counter
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

TEACHER = "reco2_crf"  # what people get who name no method
METHODS = (TEACHER,)
ROW = "specialist"


def parts(data: Dataset, folds: int, split: int = 0) -> list[Dataset]:
    """Every so many-th photo to the same part; of splits other than 0 in an order drawn by that number."""
    order = np.random.default_rng(split).permutation(len(data.items)) if split else range(len(data.items))
    items = [data.items[i] for i in order]
    return [replace(data, items=tuple(items[fold::folds])) for fold in range(folds)]


def most_frequent(data: Dataset, count: int) -> Dataset:
    """Only the classes that most photos show; pixels of the others are not counted. For sets without a background."""
    shown = Counter(row for _, truth in data.pairs() for row in np.unique(truth).tolist() if row >= 0)
    kept = {row: i for i, row in enumerate(sorted(row for row, _ in shown.most_common(count)))}
    words = [(word, kept[row]) for word, row in zip(data.words, data.word_rows, strict=True) if row in kept]
    return replace(
        data,
        name=f"{data.name}, {count} names",
        classes=tuple(data.classes[row] for row in kept),
        words=tuple(word for word, _ in words),
        word_rows=tuple(row for _, row in words),
        label_rows={value: kept[row] for value, row in data.label_rows.items() if row in kept},
    )


def opened(place: str) -> Dataset:
    folder, _, count = place.partition(":")
    data = open_folder(Path(folder))
    return most_frequent(data, int(count)) if count else data


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


def half(name: str, kind: str, rows: dict, minutes: float | None) -> str:
    """A row for one part of one split."""
    teacher, own = rows[TEACHER], rows[ROW]
    low, high = teacher["miou_gained"]
    return (
        f"| {name}, {kind} | {own['photos']} | {100 * teacher['miou']:.1f} | {100 * own['miou']:.1f} | "
        f"{100 * (own['miou'] - teacher['miou']):+.1f} ({100 * low:+.1f}, {100 * high:+.1f}) | "
        f"{teacher['seconds_per_photo'] / own['seconds_per_photo']:.1f} | {minutes or ''} |"
    )


def measure(reco: ReCo, data: Dataset, split: int, args: argparse.Namespace) -> tuple[dict, list[str]]:
    """One split of a set: its report, and a row for each part."""
    recipe = find_recipe(args.recipe)
    recipe = replace(recipe, steps=args.steps) if args.steps else recipe
    background = BACKGROUND_WORDS if data.background else ()
    job = Job(data.words, recipe, background=background, rounds=args.rounds, seed=args.seed)
    measured: dict[str, list[dict]] = {"adapted": [], "held out": []}
    minutes: list[float | None] = []
    lines, own = [], parts(data, args.folds, split)
    for fold, part in enumerate(own):
        name = f"{data.name}, split {split}, part {fold + 1}"
        started, out_folder = time.perf_counter(), args.work / name.replace(", ", "-").replace(" ", "_")
        anew = not out_folder.exists()
        made = adapt(reco, source(part), job, out_folder, device=args.device, control=ProgressLog())
        minutes.append(round((time.perf_counter() - started) / 60, 2) if anew else None)  # None: not in this run alone
        rest = tuple(item for other in own if other is not part for item in other.items)
        for kind, items in (("adapted", part.items), ("held out", rest)):
            if items and kind in args.kinds:
                only = replace(data, items=items)
                report = bench.run(reco, only, of_methods(METHODS), specialists={ROW: made}, control=ProgressLog())
                measured[kind].append(report)
                lines.append(half(name, kind, rows_of([report], data), minutes[-1]))
                print(lines[-1], flush=True)
    about = {"data": data.name, "folds": args.folds, "split": split, "job": made.about["job"]}
    pooled_rows = {kind: rows_of(reports, data) for kind, reports in measured.items() if reports}
    return {**about, "adapting_minutes": minutes, "machine": machine(), **pooled_rows}, lines


def rows_of(reports: list[dict], data: Dataset) -> dict:
    """`summary` of the reports of several parts."""
    rows = reports[0]["methods"]
    seconds = {row: float(np.mean([r["methods"][row]["seconds_per_photo"] for r in reports])) for row in rows}
    return summary(pooled(reports), seconds, data.classes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--splits", type=int, nargs="+", default=[0])
    parser.add_argument("--folds", type=int, default=2)
    parser.add_argument("--kinds", nargs="+", choices=("adapted", "held out"), default=("adapted", "held out"))
    parser.add_argument("--recipe", default="quick")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0, help="of the training")
    parser.add_argument("--limit", type=int, help="only the first photos")
    parser.add_argument("--device")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, help="a folder for the reports")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    torch.set_num_threads(args.threads)
    reco = ReCo.load(device=args.device)
    lines = ["| adapted to, measured | photos | teacher's mIoU | specialist's | gain | times as fast | minutes |"]
    lines.append("|---|---|---|---|---|---|---|")
    for place in args.folders:
        data = opened(place)
        data = replace(data, items=data.items[: args.limit])
        for split in args.splits:
            report, rows = measure(reco, data, split, args)
            lines += rows
            for kind in set(args.kinds) & set(report):
                print(f"\n{data.name}, split {split}, {kind}, pooled\n\n{table(report[kind])}\n")
            if args.json:
                args.json.mkdir(parents=True, exist_ok=True)
                suffix = f"_{split}" if split else ""
                name = data.name.partition(",")[0]
                (args.json / f"adaptation_{name}{suffix}.json").write_text(json.dumps(report, indent=1) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
