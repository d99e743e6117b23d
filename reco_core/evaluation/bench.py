"""Measuring methods on labelled photos: one pass over the photos, every variant on each."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from reco_core.adaptation.specialist import Specialist
from reco_core.datasets.dataset import Dataset
from reco_core.errors import OptionError
from reco_core.evaluation.journal import Journal
from reco_core.evaluation.report import make_report
from reco_core.evaluation.settings import fingerprint, settings
from reco_core.evaluation.variants import METHODS, Variant, left_out, of_methods
from reco_core.methods import BACKGROUND_WORDS, CONTEXT_WORDS, Scoring
from reco_core.pipeline import ReCo
from reco_core.segmentation import metrics, scorers
from reco_core.segmentation.scorers import PhotoScorer
from reco_core.types import MAX_LABELS, Encoded, References
from reco_core.utils.images import resize_labels
from reco_core.utils.run_control import RunControl


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
        `report.presence`), "settings", "machine", "photos" (how many), and "per_photo", the counts behind it all
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
    judge = next((v for v in variants if v.name == reco.encoder.preset.method), variants[-1])  # of presence
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
    return make_report(data, [item.key for item in items], journal.done, names, described, seed)


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
            out["maximum"] = [round(m, 4) for m in maximum_scores(reco.scorer, encoded, learned[variant.name])]
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
        what = "the specialist knows names that the data set does not ask for"
        raise OptionError(what, given=", ".join(strange), expected=", ".join(data.words))
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
        if not data.background and not labels.all():
            labels = resize_labels((result.scores[1:].argmax(0) + 1).astype(np.uint8), truth.shape)
        entry["counts"][name] = _counts(truth, rows[labels], len(data.classes))


def maximum_scores(scorer: PhotoScorer, encoded: Encoded, references: References) -> list[float]:
    """The plain alternative to presence: the maximum over positions of the paper's score, 0..1, per asked name."""
    seen = scorer.compare(encoded, references.concepts)
    height, width = seen.language.shape[1:]
    return scorers.reco(seen, (height, width), Scoring(), scorer.temperatures).flatten(1).amax(1).tolist()
