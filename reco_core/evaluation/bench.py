"""Measuring methods on labelled photos: one pass over the photos, every variant on each."""

import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch

from reco_core.adaptation.specialist import Specialist
from reco_core.datasets.dataset import Dataset, Item
from reco_core.errors import OptionError
from reco_core.evaluation.authors_code import AuthorsConcepts
from reco_core.evaluation.journal import Journal
from reco_core.evaluation.variants import METHODS, Variant, left_out, of_methods
from reco_core.export import FOUND_FROM
from reco_core.methods import BACKGROUND_WORDS, CONTEXT_WORDS
from reco_core.pipeline import ReCo
from reco_core.segmentation import metrics, score_maps
from reco_core.segmentation.cosegmentation import LANGUAGE_GAIN
from reco_core.types import MAX_LABELS, Encoded, References
from reco_core.utils.hashing import digest
from reco_core.utils.images import resize_labels
from reco_core.utils.run_control import RunControl

FORMAT = 2
READING = (
    "photo_side",
    "margin",
    "window",
    "stride",
    "templates",
    "centre",
    "unrelated",
    "presence",
    "in_archive_from",
    "temperatures",
)  # what figures depend on in a preset, beyond its weights


def run(
    reco: ReCo,
    data: Dataset,
    variants: Sequence[Variant] = (),
    *,
    k: int | None = None,
    limit: int | None = None,
    background: tuple[str, ...] = BACKGROUND_WORDS,
    context: tuple[str, ...] = CONTEXT_WORDS,
    seed: int = 0,
    specialists: Mapping[str, Specialist] = {},
    report: Path | None = None,
    control: RunControl | None = None,
) -> dict:
    """Measure variants on a data set.

    Every class competes in every photo. Where the set has a background, the background words compete
    too and count as it.

    Args:
        variants: the rows (default: `variants.METHODS`). k: exemplars of variants that name none (default:
            the preset's). limit: only the first photos. seed: of archive shares and of the bootstrap.
        background, context: words, see `ReCo.prepare`.
        specialists: more rows by their names. Where the set has no background, what a specialist likes next to it
        counts. report: where the report will be written (not here); an interrupted run is continued from the
            journal beside it.
        control: told of variants that are learned and of photos; asked before each.

    Returns:
        the report, plain data without nan: "methods" (per variant accuracy, miou and their 95 % intervals
        over photos, per_class IoU, 0..1, None where nothing was counted; seconds_per_photo), "presence" (see
        `_presence`), "settings", "machine", "photos" (how many), and "per_photo", the counts behind it all
        (see `unpack`).

    Raises:
        OptionError: variants that do not fit. DatasetError, PhotoError: a file cannot be read.
        Cancelled: `control` was cancelled; what was measured is kept.
    """
    control = control or RunControl()
    stopped = "the benchmark was stopped", "The same command continues it" if report else ""
    default = reco.encoder.preset.k if k is None else k
    variants = tuple(replace(variant, k=variant.k or default) for variant in variants or of_methods(METHODS))
    names = [*(v.name for v in variants), *specialists]
    if len({*names}) != len(names):
        raise OptionError("two variants have the same name", given=", ".join(names))
    adapted = {name: (one, _rows(one, data)) for name, one in specialists.items()}
    if limit is not None and limit < 1:
        raise OptionError("no photos to measure on", given=f"limit {limit}", expected="at least 1")
    items = data.items[:limit]
    judge = _judge(reco, variants)
    described = {
        **settings(reco, data, variants, judge, background, context),
        "k": default,
        "seed": seed,
        "photos": fingerprint(items),
        **({"specialists": {name: one.about["files"] for name, one in specialists.items()}} if adapted else {}),
    }
    journal = Journal(report, described)
    todo = [item for item in items if item.key not in journal.done]
    learned: dict[str, References] = {}
    files = [record.file for record in reco.archive.records] if any(v.share < 1 for v in variants) else []
    for done, variant in enumerate(variants if todo else ()):
        control.raise_if_cancelled(*stopped)
        competing = background if data.background and variant.background else ()
        learned[variant.name] = reco.prepare(
            data.words,
            k=variant.k,
            method=variant.method,
            background=competing,
            context=context,
            exclude=left_out(files, variant.share, seed),
            most=MAX_LABELS,
        )
        control.report("variants learned", done + 1, len(variants))
    for done, item in enumerate(todo):
        control.raise_if_cancelled(*stopped)
        pair = data.load(item)
        entry = {"photo": item.key, **_measure(reco, data, pair, variants, learned, judge)}
        _adapted(data, pair, adapted, entry)
        journal.add(entry)
        control.report("photos", len(items) - len(todo) + done + 1, len(items))
    return _report(data, [item.key for item in items], journal.done, names, described, seed)


def _judge(reco: ReCo, variants: Sequence[Variant]) -> Variant:
    """The variant whose presence is measured: the preset's own method, or else the last."""
    return next((v for v in variants if v.name == reco.encoder.preset.method), variants[-1])


def _measure(
    reco: ReCo,
    data: Dataset,
    pair: tuple[np.ndarray, np.ndarray],
    variants: Sequence[Variant],
    learned: dict[str, References],
    judge: Variant,
) -> dict:
    """One photo's pixel counts and presence scores, as plain data."""
    photo, truth = pair
    rows = np.array([0, *data.word_rows])
    true = np.bincount(truth[truth >= 0], minlength=len(data.classes))
    there = np.flatnonzero(true)
    out: dict = {"truth": np.column_stack([there, true[there]]).ravel().tolist(), "counts": {}, "seconds": {}}
    started = time.perf_counter()
    encoded = reco.encode(photo)
    reading = time.perf_counter() - started
    for variant in variants:
        started = time.perf_counter()
        result = reco.segment(photo, learned[variant.name], method=variant.method, encoded=encoded)
        out["seconds"][variant.name] = round(reading + time.perf_counter() - started, 4)
        out["counts"][variant.name] = _counts(truth, rows[result.labels], len(data.classes))
        if variant is judge:
            out["presence"] = [round(p, 4) for p in result.presence]
            out["maximum"] = [round(m, 4) for m in maximum_scores(encoded, learned[variant.name])]
    return out


def _counts(truth: np.ndarray, predicted: np.ndarray, classes: int) -> list[int]:
    """Of every class that was predicted: class, right pixels, predicted pixels."""
    counts = metrics.pixel_counts(metrics.confusion_matrix(truth, predicted, classes))
    found = np.flatnonzero(counts[:, 2])
    return np.column_stack([found, counts[found][:, [0, 2]]]).ravel().tolist()


def _rows(specialist: Specialist, data: Dataset) -> np.ndarray:
    """The class of each of a specialist's labels, background first."""
    known = {word.casefold(): row for word, row in zip(data.words, data.word_rows, strict=True)}
    strange = [name for name in specialist.names if name.casefold() not in known]
    if strange:
        raise OptionError(
            "the specialist knows names that the data set does not ask for",
            given=", ".join(strange),
            expected=", ".join(data.words),
        )
    return np.array([0, *(known[name.casefold()] for name in specialist.names)])


def _adapted(
    data: Dataset, pair: tuple[np.ndarray, np.ndarray], adapted: dict[str, tuple[Specialist, np.ndarray]], entry: dict
) -> None:
    """One photo's pixel counts and seconds of specialists, into its entry."""
    photo, truth = pair
    for name, (specialist, rows) in adapted.items():
        started = time.perf_counter()
        result = specialist.segment(photo)
        entry["seconds"][name] = round(time.perf_counter() - started, 4)
        labels = result.labels
        if not data.background:
            labels = resize_labels((result.scores[1:].argmax(0) + 1).astype(np.uint8), truth.shape)
        entry["counts"][name] = _counts(truth, rows[labels], len(data.classes))


def maximum_scores(encoded: Encoded, references: References) -> list[float]:
    """The plain alternative to presence: the maximum over positions of the paper's score, 0..1, per asked name."""
    device = encoded.language.device
    texts = torch.stack([concept.text for concept in references.concepts]).to(device)
    vectors = torch.stack([concept.reference for concept in references.concepts]).to(device)
    language = score_maps.similarities(encoded.language[0], texts)
    reference = score_maps.similarities(encoded.features[0], vectors)
    height, width = language.shape[1:]
    scores = score_maps.resize(torch.sigmoid(reference), (height, width)) * torch.sigmoid(LANGUAGE_GAIN * language)
    return scores.flatten(1).amax(1).tolist()


def fingerprint(items: Sequence[Item]) -> str:
    """16 hexadecimal digits of photos and label maps: their names, order and sizes in bytes."""
    told = [f"{item.key} {item.photo.stat().st_size} {item.truth.stat().st_size}" for item in items]
    return digest("\n".join(told), 16)


def settings(
    reco: ReCo,
    data: Dataset,
    variants: Sequence[Variant],
    judge: Variant,
    background: tuple[str, ...],
    context: tuple[str, ...],
) -> dict:
    """What figures depend on, as plain data: models, archive, words, labels, variants."""
    preset = reco.encoder.preset
    precision = getattr(reco.encoder, "precision", torch.float32)
    return {
        "format": FORMAT,
        "data": data.name,
        "protocol": data.protocol,
        "preset": preset.name,
        "weights": reco.encoder.hash,
        "archive": reco.archive.hash,
        "archive_photos": len(reco.archive),
        **{name: list(v) if isinstance(v, tuple) else v for name, v in asdict(preset).items() if name in READING},
        "precision": str(precision).removeprefix("torch."),
        "device": reco.encoder.device,
        "authors_code": asdict(reco.concepts.authors) if isinstance(reco.concepts, AuthorsConcepts) else {},
        "presence_of": judge.name,
        "context": list(context),
        "background": list(background) if data.background else [],
        "side": data.side,
        "words": {word: data.classes[row] for word, row in zip(data.words, data.word_rows, strict=True)},
        "labels": {str(value): data.classes[row] for value, row in data.label_rows.items()},
        "variants": {
            v.name: {**asdict(v.method), "k": v.k, "share": v.share, "background": v.background} for v in variants
        },
    }


def machine() -> dict[str, str | int]:
    """What the figures of time were measured on."""
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text(encoding="utf-8").splitlines() if cpu.exists() else []
    named = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    try:
        ours = version("reco-core")
    except PackageNotFoundError:
        ours = "not installed"
    return {
        "cpu": named or platform.processor() or platform.machine(),
        "cores": os.cpu_count() or 1,
        "threads": torch.get_num_threads(),
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "reco_core": ours,
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
    }


def _report(
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
        "presence": _presence(data, entries, per_photo),
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


def _presence(data: Dataset, entries: list[dict], per_photo: dict) -> dict:
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
    area = {kind: [metrics.auroc(values[:, i], truth[:, i]) for i in columns] for kind, values in scores.items()}
    alarms = {
        kind: [metrics.false_positive_rate(values[:, i], truth[:, i]) for i in columns]
        for kind, values in scores.items()
    }
    said = scores["presence"] >= FOUND_FROM
    return {
        "auroc": _mean(area["presence"]),
        "fpr_at_90_recall": _mean(alarms["presence"]),
        "auroc_max_score": _mean(area["maximum"]),
        "fpr_max_score": _mean(alarms["maximum"]),
        "calibration_error": rounded(metrics.expected_calibration_error(scores["presence"].ravel(), truth.ravel())),
        "found": rounded(said[truth].mean() if truth.any() else np.nan),
        "false_alarms": rounded(said[~truth].mean() if not truth.all() else np.nan),
        "classes": int((~np.isnan(area["presence"])).sum()),
        "per_class": {data.classes[row]: rounded(area["presence"][i]) for i, row in enumerate(judged)},
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
