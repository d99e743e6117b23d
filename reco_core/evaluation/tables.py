"""Reports as Markdown, per cent, beside what papers report."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from reco_core.evaluation.published import PUBLISHED

T = TypeVar("T")


def percent(value: float | None, interval: Sequence[float | None] = (), sign: str = "") -> str:
    """0..1 as per cent, with its interval if it has one; a dash for nothing. sign: "+" to show it always."""
    if value is None:
        return "-"
    bounds = [f"{100 * bound:{sign}.1f}" for bound in interval if bound is not None]
    return f"{100 * value:{sign}.1f}" + (f" ({', '.join(bounds)})" if bounds else "")


PRESENCE = (  # columns of `presence_table`, and what they show of a report
    ("AUROC", "auroc"),
    ("of the maximum score", "auroc_max_score"),
    ("false positives at 90 % recall", "fpr_at_90_recall"),
    ("of the maximum score", "fpr_max_score"),
    ("found at 0.5", "found"),
    ("false alarms at 0.5", "false_alarms"),
    ("calibration error", "calibration_error"),
)


def markdown(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; a | in a cell stays one."""
    lines = [[cell.replace("|", r"\|") for cell in line] for line in (head, *rows)]
    lines.insert(1, ["---"] * len(head))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def grid(corner: str, rows: Iterable[str], columns: Mapping[str, T], cell: Callable[[str, T], str]) -> str:
    """A table with a row for each name and a column for each entry; cell: of a row's name and a column's entry."""
    return markdown([corner, *columns], [[row, *(cell(row, entry) for entry in columns.values())] for row in rows])


def table(report: dict, published: str = "") -> str:
    """Accuracy and mIoU with 95 % intervals over photos, and seconds, of every row, in the paper's form.

    published: key of `published.PUBLISHED`, whose rows follow.
    """
    settings = report["settings"]
    about = f"{settings['data']} ({settings['protocol']}), {settings['preset']}, {report['photos']} photos"
    rows = []
    for name, row in report["methods"].items():
        shares = [percent(row[what], row[f"{what}_interval"]) for what in ("accuracy", "miou")]
        rows.append([name, *shares, f"{row['seconds_per_photo']:.2f}"])
    for name, accuracy, miou in PUBLISHED.get(published, ()):
        rows.append([f"*{name}*", "-" if accuracy is None else f"{accuracy:.1f}", f"{miou:.1f}", "-"])
    return markdown([about, "accuracy", "mIoU", "s / photo"], rows)


def class_table(report: dict) -> str:
    """IoU of every class, a column per row of the report."""
    columns = {name: row["per_class"] for name, row in report["methods"].items()}
    return grid("IoU", next(iter(columns.values())), columns, lambda name, ious: percent(ious[name]))


def presence_table(reports: list[dict]) -> str:
    """How well presence says what is in a photo, a row per report."""
    rows = []
    for report in reports:
        figures = [report["presence"][key] for _, key in PRESENCE]
        areas = ["-" if area is None else f"{area:.3f}" for area in figures[:2]]
        classes = str(report["presence"]["classes"])
        rows.append([report["settings"]["data"], *areas, *map(percent, figures[2:]), classes])
    return markdown(["is it there?", *(title for title, _ in PRESENCE), "classes"], rows)


def comparison_table(compared: dict[str, dict]) -> str:
    """What `comparison.compare` found: of both reports, and the difference with its 95 % interval."""
    rows = [
        [name, *(_change(entry, what) for what in ("accuracy", "miou")), str(entry["photos"])]
        for name, entry in compared.items()
    ]
    return markdown(["row", "accuracy", "mIoU", "photos"], rows)


def _change(entry: dict, what: str) -> str:
    before, after = map(percent, entry[what])
    return f"{before} -> {after}: {percent(entry[f'{what}_difference'], entry[f'{what}_interval'], '+')}"
