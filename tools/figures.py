"""Write the tables of README.md and of docs/ anew from the reports in benchmarks/results, and the plots.

    python tools/figures.py                    # all
    python tools/figures.py "table camvid"     # print one, also of those that no page shows

Every table stands between two comments, "figures: NAME" and "end". The reports come from the commands in
docs/benchmarks.md.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from reco_core.evaluation import tables
from reco_core.evaluation.comparison import compare, read_report
from reco_core.evaluation.plots import plot_ablation
from reco_core.evaluation.published import PUBLISHED
from reco_core.utils.names import names_in

RESULTS = ROOT / "benchmarks" / "results"
SETS = {
    "voc_objects": "voc_objects, with background",
    "voc_objects_only": "voc_objects, objects only",
    "coco_panoptic": "coco_panoptic, 129 names",
    "camvid": "camvid, 11 names",
}
ADAPTED = ("adaptation_camvid", "adaptation_camvid_1", "adaptation_coco_panoptic")
DISCOVERED = ("discovery_voc_objects", "discovery_coco_panoptic")
SHARES = {
    "best_iou": "best match IoU",
    "miou_text": "mIoU by text",
    "miou_image": "mIoU by image",
    "right": "right segments",
    "right_pixels": "right pixels",
}
IOUS = ("0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9")
MAIN = ("denseclip", "reco", "reco_crf", "reco2", "reco2_crf")
SHORT = {
    "denseclip": "the names alone, without photos",
    "reco": "the paper's method",
    "reco_crf": "the paper's, edges refined",
    "reco2_crf": "**ours, the usual one**",
}
SHORT_SETS = {
    "voc_objects": "300 photos of one object, 20 names",
    "coco_panoptic": "80 everyday scenes, 129 names",
    "camvid": "60 streets, 11 names",
}
PAIRS = names_in("denseclip -> reco, reco -> reco2, reco2 -> reco2_crf")


def pair(row: dict | None) -> str:
    """Accuracy and mIoU in per cent."""
    return "-" if row is None else f"{tables.percent(row['accuracy'])} / {tables.percent(row['miou'])}"


def miou(name: str, report: dict) -> str:
    """mIoU of a report's row in per cent."""
    return tables.percent(report["methods"].get(name, {}).get("miou"))


def by_set(what: str, rows: Iterable[str], reports: dict[str, dict], cell: Callable[[str, dict], str]) -> str:
    """A column per set."""
    return tables.grid(what, rows, {SETS[name]: report for name, report in reports.items()}, cell)


def quality(reports: dict[str, dict]) -> str:
    """A row per method, a column per set."""
    return by_set("method", MAIN, reports, lambda name, report: pair(report["methods"].get(name)))


def short(reports: dict[str, dict]) -> str:
    """The README's: mIoU, and seconds of a photo of voc_objects."""
    rows = []
    for method, told in SHORT.items():
        row = reports["voc_objects"]["methods"].get(method)
        seconds = f"{row['seconds_per_photo']:.2f}" if row else "-"
        rows.append([told, *(miou(method, reports[name]) for name in SHORT_SETS), seconds])
    return tables.markdown(["", *SHORT_SETS.values(), "s a photo"], rows)


def published(name: str) -> str:
    """What papers report on a set, and ours if it was measured."""
    cells = [[row, *("-" if x is None else f"{x:.1f}" for x in figures)] for row, *figures in PUBLISHED[name]]
    report = RESULTS / f"{name}.json"
    if not report.exists():
        return tables.markdown(["", "accuracy", "mIoU"], [*cells, ["**ours**", "not measured", "not measured"]])
    for method, row in read_report(report)["methods"].items():
        cells.append([f"**ours: {method}**", tables.percent(row["accuracy"]), tables.percent(row["miou"])])
    return tables.markdown(["", "accuracy", "mIoU"], cells)


def parts(reports: dict[str, dict]) -> str:
    """mIoU of reco2, and of it with a part more or less."""
    names = dict.fromkeys(n for r in reports.values() for n in r["methods"] if re.match(r"reco2([+-]\w+)?$", n))
    return by_set("mIoU", names, {name: r for name, r in reports.items() if name != "voc_objects_only"}, miou)


def curves(reports: dict[str, dict]) -> str:
    """mIoU against k and against the archive's size."""
    names = _varied(reports["voc_objects"])
    full = {name: r for name, r in reports.items() if name != "voc_objects_only"}
    return by_set("mIoU", ("reco", "reco2", *names), full, miou)


def differences(reports: dict[str, dict]) -> str:
    """By how much one row is better than another, with the interval of a paired bootstrap."""

    def cell(row: str, report: dict) -> str:
        first, second = row.split(" -> ")
        if not {first, second} <= {*report["methods"]}:
            return "-"
        (entry,) = compare(report, report, (first, second)).values()
        return tables.percent(entry["miou_difference"], entry["miou_interval"], "+")

    return by_set("difference in mIoU", PAIRS, reports, cell)


def crf(reports: dict[str, dict]) -> str:
    """What CRFs do, and what they cost."""

    def cell(method: str, report: dict) -> str:
        row = report["methods"].get(method)
        return f"{pair(row)}, {row['seconds_per_photo']:.2f} s" if row else "-"

    methods = ("reco", "reco_crf", "reco2", "reco2+crf", "reco2_crf")
    columns = {name: reports[name] for name in ("voc_objects", "camvid", "coco_panoptic")}
    return tables.grid("accuracy / mIoU, seconds a photo", methods, columns, cell)


def specialists(names: tuple[str, ...]) -> str:
    """ReCo and ReCo+ on photos adapted to and on photos held out, from benchmarks/adaptation.py's reports: a row per
    method, a column per set and kind of photos.
    """
    kinds = ("adapted", "held out")
    columns = {
        f"{report['data']}, split {report['split']}, {kind}": report[kind]
        for report in _reports(names)
        for kind in kinds
    }
    return tables.grid("", next(iter(columns.values())), columns, lambda method, rows: pair(rows[method]))


def discovered(names: tuple[str, ...]) -> str:
    """Discovery and its baselines, from benchmarks/discovery.py's reports."""
    rows = []
    for report in _reports(names):
        for method, row in report["rows"].items():
            cells = [tables.percent(row[share], row.get(f"{share}_interval", ())) for share in SHARES]
            rows.append(
                [f"{report['data']}, {method}", tables.percent(row["recall"]["0.5"]), *cells, f"{row['segments']:.1f}"]
            )
    return tables.markdown(["", "recall at IoU 0.5", *SHARES.values(), "segments a photo"], rows)


def discovered_short(names: tuple[str, ...]) -> str:
    """The same without intervals, a column per set: recall at IoU 0.5, mIoU by text and by image, right segments."""

    def cell(method: str, rows: dict) -> str:
        row = rows[method]
        return " / ".join(
            map(tables.percent, (row["recall"]["0.5"], row["miou_text"], row["miou_image"], row["right"]))
        )

    columns = {report["data"]: report["rows"] for report in _reports(names)}
    title = "recall at IoU 0.5 / mIoU by text / by image / right segments"
    return tables.grid(title, next(iter(columns.values())), columns, cell)


def recalls(names: tuple[str, ...]) -> str:
    """Recall over IoU thresholds."""
    rows = [
        [f"{report['data']}, {method}", *(tables.percent(row["recall"][iou]) for iou in IOUS)]
        for report in _reports(names)
        for method, row in report["rows"].items()
    ]
    return tables.markdown(["recall at IoU", *IOUS], rows)


def _reports(names: tuple[str, ...]) -> list[dict]:
    return [json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8")) for name in names]


def fill(file: Path, made: dict[str, str]) -> None:
    """Replace what stands between the comments of a file."""
    text = file.read_text(encoding="utf-8")
    for name, table in made.items():
        pattern = rf"(<!-- figures: {re.escape(name)} -->\n).*?(<!-- end -->)"
        text = re.sub(pattern, lambda match, table=table: f"{match[1]}{table}\n{match[2]}", text, flags=re.S)
    file.write_text(text, encoding="utf-8")


def main() -> None:
    reports = {name: read_report(RESULTS / f"{name}.json") for name in SETS}
    full = {name: tables.table(report) for name, report in reports.items()}
    made = {
        "short": short(reports),
        "quality": quality(reports),
        "parts": parts(reports),
        **({"curves": curves(reports)} if _varied(reports["voc_objects"]) else {}),
        "differences": differences(reports),
        "crf": crf(reports),
        "specialists": specialists(ADAPTED),
        "discovery": discovered(DISCOVERED),
        "discovery recall": recalls(DISCOVERED),
        "discovery short": discovered_short(DISCOVERED),
        "presence": tables.presence_table([reports["voc_objects"], reports["coco_panoptic"]]),
        **{f"published {name}": published(name) for name in PUBLISHED},
        **{f"table {name}": table for name, table in full.items()},
        **{
            f"classes {name}": tables.class_table(_only(report, ("denseclip", "reco", "reco2", "reco2_crf")))
            for name, report in reports.items()
        },
    }
    if len(sys.argv) > 1:
        if sys.argv[1] not in made:
            sys.exit(f"the reports have no such table; they have: {', '.join(made)}")
        print(made[sys.argv[1]])
        return
    for file in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        fill(file, made)
    for name in ("voc_objects", "coco_panoptic", "camvid"):
        if _varied(reports[name]):
            plot_ablation(reports[name], ROOT / "docs" / f"ablation_{name}.png")


def _varied(report: dict) -> list[str]:
    """Its rows with other k and with parts of the archive."""
    return [name for name in report["methods"] if re.search(r", k = |of the archive", name)]


def _only(report: dict, rows: tuple[str, ...]) -> dict:
    return {**report, "methods": {name: report["methods"][name] for name in rows if name in report["methods"]}}


if __name__ == "__main__":
    main()
