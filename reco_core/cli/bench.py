"""The commands `bench` and `compare`."""

import argparse
import json
import sys
from pathlib import Path

from reco_core.adaptation.specialist import Specialist
from reco_core.cli.options import Commands, add_command, add_learning, load, parse_words, split_commas
from reco_core.cli.progress_log import ProgressLog
from reco_core.datasets.catalogue import DATASETS, find_dataset
from reco_core.datasets.dataset import Dataset
from reco_core.datasets.folder import PROTOCOLS, open_folder
from reco_core.datasets.imagenet import open_class_folder, open_imagenet
from reco_core.errors import OptionError
from reco_core.evaluation import bench, comparison, retrieval, tables
from reco_core.evaluation.authors_code import as_authors_code
from reco_core.evaluation.journal import place
from reco_core.evaluation.plots import plot_ablation
from reco_core.evaluation.variants import METHODS, ablation, of_methods
from reco_core.install import missing
from reco_core.presets import PRESETS, find_preset
from reco_core.utils.atomic_write import atomic_write

RETRIEVAL = {"imagenet": open_imagenet, "class_folder": open_class_folder}  # what words retrieve is measured on
ENCODERS = ("denseclip", "reco", "reco2")  # what the other presets are measured with in an ablation


def add_commands(commands: Commands) -> None:
    """Add `bench` and `compare`."""
    listed = "\n".join(f"  {a.name:<22} {a.summary}; --root holds {a.layout}" for a in DATASETS.values())
    retrieval = "  imagenet               purity of what is retrieved; --root holds val/WNID/*.JPEG"
    folder = "  class_folder           the same; --root holds a folder of photos per class"
    command = add_command(commands, "bench", run, f"data sets:\n{listed}\n{retrieval}\n{folder}")
    command.add_argument("dataset", help="a data set (above), or the path of a plain folder")
    command.add_argument("--root", type=Path, help="where the data set was unpacked")
    command.add_argument(
        "--methods", default=",".join(METHODS), help="with commas; reco2-gate is reco2 without its gate"
    )
    command.add_argument(
        "--specialist", type=Path, action="append", default=[], help="folder that `adapt` made: one more row"
    )
    every = "every part of the methods, k, archive size and encoders; with --json also plots"
    command.add_argument("--ablation", action="store_true", help=every)
    command.add_argument(
        "--authors-code", action="store_true", help="do as the authors' code where it differs from the paper's text"
    )
    command.add_argument("--protocol", choices=PROTOCOLS, help="of plain folders")
    command.add_argument("--limit", type=int, help="only the first photos")
    command.add_argument("--per-class", action="store_true", help="also a table of every class")
    command.add_argument("--json", type=Path, help="write the report here; an interrupted run is continued")
    command.add_argument("--seed", type=int, default=0, help="of archive shares and intervals")
    add_learning(command)

    command = add_command(commands, "compare", compare)
    command.add_argument("reports", nargs=2, type=Path, metavar="REPORT")
    command.add_argument("--rows", nargs=2, metavar=("A", "B"), help="a row of each (default: all that they share)")
    command.add_argument("--json", type=Path, help="write the comparison here")
    command.add_argument("--seed", type=int, default=0, help="of intervals")


def run(args: argparse.Namespace) -> None:
    """Measure methods on labelled photos.

    Example: cityscapes27 --root CITYSCAPES --json city.json
    """
    (_retrieval if args.dataset in RETRIEVAL else _measure)(args)


def _measure(args: argparse.Namespace) -> None:
    """Masks of a data set: a report as tables, and as files."""
    data, published = _open(args)
    k = find_preset(args.preset).k if args.k is None else args.k
    variants = ablation(k) if args.ablation else of_methods(split_commas(args.methods))
    options = {
        "k": args.k,
        "limit": args.limit,
        "background": parse_words(args.background),
        "context": parse_words(args.context),
        "seed": args.seed,
        "report": args.json,
    }
    called = [folder.name for folder in args.specialist]
    specialists = {
        name if called.count(name) == 1 else str(folder): Specialist(folder, args.device)
        for name, folder in zip(called, args.specialist, strict=True)
    }
    reco = as_authors_code(load(args)) if args.authors_code else load(args)
    report = bench.run(reco, data, variants, specialists=specialists, control=ProgressLog(), **options)
    report["data"] = {"classes": list(data.classes), "published": published}
    if args.ablation:
        report["encoders"] = _encoders(args, data, options)
    _show(tables.table(report, published))
    if args.per_class:
        _show(tables.class_table(report))
    _show(tables.presence_table([report]))
    if args.json:
        _write(args.json, report)
        if args.ablation:
            plot_ablation(report, args.json.with_suffix(".png"))


def _encoders(args: argparse.Namespace, data: Dataset, options: dict) -> dict[str, dict]:
    """The main methods with every other preset that is installed, each with its own archive."""
    out = {}
    for name, preset in PRESETS.items():
        if name != args.preset and not missing(preset, args.weights):
            other = argparse.Namespace(**{**vars(args), "preset": name, "archive": []})
            measured = bench.run(load(other), data, of_methods(ENCODERS), control=ProgressLog(name), **options)
            out[name] = {"methods": measured["methods"], "settings": measured["settings"]}
    return out


def _open(args: argparse.Namespace) -> tuple[Dataset, str]:
    """The data set, and the key of published figures of the same protocol."""
    folder = Path(args.dataset)
    if args.dataset not in DATASETS and (folder.exists() or len(folder.parts) > 1):
        return open_folder(folder, args.protocol or ""), ""
    adapter = find_dataset(args.dataset, tuple(RETRIEVAL))
    if args.root is None:
        raise OptionError(
            "where is the data set?",
            given=args.dataset,
            expected=f"--root FOLDER with {adapter.layout}",
            remedy=f"It comes from {adapter.where}",
        )
    if args.dataset == "folder":
        return open_folder(args.root, args.protocol or ""), ""
    if args.protocol:
        raise OptionError("--protocol is for plain folders", given=args.protocol, expected=adapter.protocol)
    return adapter.open(args.root), adapter.published


def _retrieval(args: argparse.Namespace) -> None:
    """Purity of what a data set's words retrieve."""
    if args.root is None:
        raise OptionError("where is the data set?", given=args.dataset, expected="--root FOLDER")
    data = RETRIEVAL[args.dataset](args.root)
    report = retrieval.run(load(args).encoder, data, control=ProgressLog())
    rows = [[f"purity@{k}", f"{value:.3f}"] for k, value in report["purity"].items()]
    _show(tables.markdown([f"{args.dataset}, {args.preset}", ""], rows))
    if args.json:
        _write(args.json, report)


def compare(args: argparse.Namespace) -> None:
    """Say whether the second of two reports is better than the first.

    Reports are what `bench --json` wrote. A paired bootstrap over the photos that they share.

    Example: a.json b.json --rows reco reco2
    """
    first, second = map(comparison.read_report, args.reports)
    compared = comparison.compare(first, second, tuple(args.rows) if args.rows else None, args.seed)
    _show(tables.comparison_table(compared))
    if args.json:
        _write(args.json, compared)


def _show(text: str) -> None:
    sys.stdout.write(text + "\n\n")


def _write(file: Path, report: dict) -> None:
    """Write a report, wholly or not at all; then its journals have done their work."""
    file.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(file, json.dumps(report, separators=(",", ":"), allow_nan=False) + "\n")
    for measured in (report, *report.get("encoders", {}).values()):
        if "settings" in measured:
            place(file, measured["settings"]).unlink(missing_ok=True)
