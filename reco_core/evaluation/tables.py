"""Reports as Markdown, per cent, beside what papers report."""

from collections.abc import Sequence

from reco_core.evaluation.published import PUBLISHED


def percent(value: float | None, interval: Sequence[float | None] = (), sign: str = "") -> str:
    """0..1 as per cent, with its interval if it has one; a dash for nothing. sign: "+" to show it always."""
    if value is None:
        return "-"
    bounds = [f"{100 * bound:{sign}.1f}" for bound in interval if bound is not None]
    return f"{100 * value:{sign}.1f}" + (f" ({', '.join(bounds)})" if bounds else "")


def markdown(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; a | in a cell stays one."""
    lines = [[cell.replace("|", r"\|") for cell in line] for line in (head, *rows)]
    lines.insert(1, ["---"] * len(head))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def table(report: dict, published: str = "") -> str:
    """Accuracy and mIoU with 95 % intervals over photos, and seconds, of every row, in the paper's form.

    published: key of `published.PUBLISHED`, whose rows follow.
    """
    settings = report["settings"]
    head = [
        f"{settings['data']} ({settings['protocol']}), {settings['preset']}, {report['photos']} photos",
        "accuracy",
        "mIoU",
        "s / photo",
    ]
    rows = [
        [
            name,
            percent(row["accuracy"], row["accuracy_interval"]),
            percent(row["miou"], row["miou_interval"]),
            f"{row['seconds_per_photo']:.2f}",
        ]
        for name, row in report["methods"].items()
    ]
    rows += [
        [f"*{name}*", "-" if accuracy is None else f"{accuracy:.1f}", f"{miou:.1f}", "-"]
        for name, accuracy, miou in PUBLISHED.get(published, ())
    ]
    return markdown(head, rows)


def class_table(report: dict) -> str:
    """IoU of every class, a column per row of the report."""
    names = list(report["methods"])
    classes = list(report["methods"][names[0]]["per_class"])
    return markdown(
        ["IoU", *names], [[c, *(percent(report["methods"][name]["per_class"][c]) for name in names)] for c in classes]
    )


def presence_table(reports: list[dict]) -> str:
    """How well presence says what is in a photo, a row per report."""
    head = [
        "is it there?",
        "AUROC",
        "of the maximum score",
        "false positives at 90 % recall",
        "of the maximum score",
        "found at 0.5",
        "false alarms at 0.5",
        "calibration error",
        "classes",
    ]
    keys = (
        "auroc",
        "auroc_max_score",
        "fpr_at_90_recall",
        "fpr_max_score",
        "found",
        "false_alarms",
        "calibration_error",
    )
    rows = []
    for report in reports:
        entry = report["presence"]
        areas = [f"{entry[key]:.3f}" if entry[key] is not None else "-" for key in keys[:2]]
        shares = [percent(entry[key]) for key in keys[2:]]
        rows.append([report["settings"]["data"], *areas, *shares, str(entry["classes"])])
    return markdown(head, rows)


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
