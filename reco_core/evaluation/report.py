"""Reports: figures of what a benchmark measured, as plain data without nan."""

from collections.abc import Callable, Sequence

import numpy as np

from reco_core.datasets.dataset import Dataset
from reco_core.evaluation.settings import machine
from reco_core.export import FOUND_FROM
from reco_core.segmentation import metrics


def make_report(
    data: Dataset, keys: list[str], done: dict[str, dict], names: Sequence[str], described: dict, seed: int
) -> dict:
    """The report of what the journal has of these photos."""
    entries = [done[key] for key in keys]
    per_photo = {
        "photos": keys,
        "truth": [entry["truth"] for entry in entries],
        "predicted": {name: [entry["counts"][name] for entry in entries] for name in names},
    }
    rows = {}
    for name in names:
        counts = unpack(per_photo, name, len(data.classes))
        total, samples = metrics.score_counts(counts.sum(0)), metrics.bootstrap(counts, seed=seed)
        rows[name] = {
            "accuracy": rounded(total.accuracy),
            "accuracy_interval": interval(samples[:, 0]),
            "miou": rounded(total.miou),
            "miou_interval": interval(samples[:, 1]),
            "per_class": {c: rounded(iou) for c, iou in zip(data.classes, total.iou.tolist(), strict=True)},
            "seconds_per_photo": rounded(np.mean([entry["seconds"][name] for entry in entries])),
        }
    return {
        "methods": rows,
        "presence": presence(data, entries, per_photo),
        "settings": described,
        "machine": machine(),
        "photos": len(keys),
        "per_photo": per_photo,
    }


def unpack(per_photo: dict, variant: str, classes: int) -> np.ndarray:
    """A report's counts of one variant: (photos, classes, 3) int64, see `metrics.pixel_counts`.

    "truth" has class and pixels, in turns; "predicted" has class, right pixels and predicted ones.
    """
    out = np.zeros((len(per_photo["photos"]), classes, 3), np.int64)
    told = zip(per_photo["photos"], per_photo["truth"], per_photo["predicted"][variant], strict=True)
    for photo, (_, true, predicted) in enumerate(told):
        rows = np.array(true, np.int64).reshape(-1, 2)
        out[photo, rows[:, 0], 1] = rows[:, 1]
        rows = np.array(predicted, np.int64).reshape(-1, 3)
        out[photo, rows[:, 0], 0], out[photo, rows[:, 0], 2] = rows[:, 1], rows[:, 2]
    return out


def presence(data: Dataset, entries: list[dict], per_photo: dict) -> dict:
    """How well presence says which classes are in a photo: every photo is asked for every class.

    A class is there if one of its pixels is. "auroc" and "fpr_at_90_recall" are means over classes
    that some photos have and others lack; "auroc_max_score" and "fpr_max_score" are those of the
    plain maximum score; "calibration_error" compares presence with what was so; "found" and
    "false_alarms" are the shares of classes there and absent that reach `report.FOUND_FROM`.
    """
    rows = np.array(data.word_rows)
    judged = sorted(set(data.word_rows))
    truth = np.zeros((len(entries), len(data.classes)), bool)
    for photo, true in enumerate(per_photo["truth"]):
        truth[photo, true[::2]] = True
    scores = {
        kind: np.stack([np.array([entry[kind] for entry in entries])[:, rows == row].max(1) for row in judged], 1)
        for kind in ("presence", "maximum")
    }
    truth = truth[:, judged]
    columns = range(len(judged))

    def by_class(measure: Callable[[np.ndarray, np.ndarray], float], kind: str) -> list[float]:
        return [measure(scores[kind][:, i], truth[:, i]) for i in columns]

    areas = by_class(metrics.auroc, "presence")
    said = scores["presence"] >= FOUND_FROM
    return {
        "auroc": _mean(areas),
        "fpr_at_90_recall": _mean(by_class(metrics.false_positive_rate, "presence")),
        "auroc_max_score": _mean(by_class(metrics.auroc, "maximum")),
        "fpr_max_score": _mean(by_class(metrics.false_positive_rate, "maximum")),
        "calibration_error": rounded(metrics.expected_calibration_error(scores["presence"].ravel(), truth.ravel())),
        "found": rounded(said[truth].mean() if truth.any() else np.nan),
        "false_alarms": rounded(said[~truth].mean() if not truth.all() else np.nan),
        "classes": int((~np.isnan(areas)).sum()),
        "per_class": {data.classes[row]: rounded(areas[i]) for i, row in enumerate(judged)},
    }


def _mean(values: list[float]) -> float | None:
    kept = [value for value in values if not np.isnan(value)]
    return rounded(np.mean(kept)) if kept else None


def interval(samples: np.ndarray) -> list[float | None]:
    """The interval of bootstrap samples as reports have it."""
    return [rounded(bound) for bound in metrics.interval(samples)]


def rounded(value: float | np.floating) -> float | None:
    """A figure as reports have it: four digits, None for nan."""
    return None if np.isnan(value) else round(float(value), 4)
