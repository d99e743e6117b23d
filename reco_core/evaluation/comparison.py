"""Is one row of a report better than another? A paired bootstrap over photos."""

import json
from pathlib import Path

import numpy as np

from reco_core.errors import DatasetError, OptionError, find
from reco_core.evaluation.report import interval, rounded, unpack
from reco_core.evaluation.settings import FORMAT
from reco_core.segmentation import metrics


def read_report(file: Path) -> dict:
    """A report that `bench --json` wrote.

    Raises:
        DatasetError: it is missing, damaged, or of another format.
    """
    try:
        report = json.loads(file.read_text(encoding="utf-8"))
        written = report["settings"]["format"]
        if written == FORMAT:
            for name, row in report["methods"].items():
                unpack(report["per_photo"], name, len(row["per_class"]))
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise DatasetError(
            "this is no report", given=f"{file}: {error!r}", expected="a file that `bench --json` wrote"
        ) from error
    if written != FORMAT:
        raise DatasetError(
            "the report has another format", given=f"{file}: {written}", expected=str(FORMAT), remedy="Measure again"
        )
    return report


def compare(first: dict, second: dict, rows: tuple[str, str] | None = None, seed: int = 0) -> dict[str, dict]:
    """By how much the second report is better than the first, on the photos that both have.

    rows: one row of each to compare; by default all rows that both have, each with itself.

    Returns:
        {row: {"photos", "miou": [first, second], "accuracy": likewise, "miou_difference",
        "miou_interval", "accuracy_difference", "accuracy_interval"}}, 0..1, None where nothing was
        counted; intervals are 95 % of a paired bootstrap, and one that excludes 0 speaks of more than chance.

    Raises:
        OptionError: other data, protocols, classes or labels, no common photos, or no such row.
    """
    for what in ("data", "protocol"):
        one, other = first["settings"][what], second["settings"][what]
        if one != other:
            raise OptionError(f"the reports are of different {what}", given=f"{one} and {other}", expected="the same")
    classes = [list(next(iter(report["methods"].values()))["per_class"]) for report in (first, second)]
    if classes[0] != classes[1]:
        raise OptionError(
            "the reports score different classes", given=", ".join(classes[0]), expected=", ".join(classes[1])
        )
    common = [name for name in first["methods"] if name in second["methods"]]
    pairs = [rows] if rows else [(name, name) for name in common]
    if not pairs:
        raise OptionError(
            "the reports have no row in common",
            given=", ".join(first["methods"]),
            expected=", ".join(second["methods"]),
            remedy="Name one of each with --rows",
        )
    places = [{photo: i for i, photo in enumerate(r["per_photo"]["photos"])} for r in (first, second)]
    shared = [photo for photo in places[0] if photo in places[1]]
    if not shared:
        given = " and ".join(str(next(iter(place), "none")) for place in places)
        raise OptionError("the reports have no photo in common", given=f"{given}, ...")
    out = {}
    for pair in pairs:
        counts = []
        for report, place, name in zip((first, second), places, pair, strict=True):
            find(name, report["methods"], "row of the report")
            counts.append(unpack(report["per_photo"], name, len(classes[0]))[[place[photo] for photo in shared]])
        if (counts[0][..., 1] != counts[1][..., 1]).any():
            raise OptionError(
                "the photos of the reports have different labels",
                expected="the same files of a data set",
                remedy="Measure again",
            )
        out[pair[0] if pair[0] == pair[1] else f"{pair[0]} -> {pair[1]}"] = _difference(counts[0], counts[1], seed)
    return out


def _difference(first: np.ndarray, second: np.ndarray, seed: int) -> dict:
    """One row of `compare`, of counts (photos, classes, 3) of two methods on the same photos."""
    totals = [metrics.score_counts(counts.sum(0)) for counts in (first, second)]
    gained = metrics.bootstrap(second, seed=seed) - metrics.bootstrap(first, seed=seed)
    entry: dict = {"photos": len(first)}
    for i, what in enumerate(("accuracy", "miou")):
        values = [getattr(total, what) for total in totals]
        entry[what] = [rounded(value) for value in values]
        entry[f"{what}_difference"] = rounded(values[1] - values[0])
        entry[f"{what}_interval"] = interval(gained[:, i])
    return entry
