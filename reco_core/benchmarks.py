"""Measuring methods on labelled photos.

A benchmark folder holds images/*.jpg, labels/*.png (index maps, same stem) and meta.json with
"classes" (a list, or an object from label value to name), and optionally "ignore" (a label value)
and "background" (the label value of everything else).
"""

import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from reco_core import metrics
from reco_core.errors import OptionError
from reco_core.methods import BACKGROUND_WORDS, CONTEXT_WORDS, find_method
from reco_core.names import category_words
from reco_core.photos import read_photo
from reco_core.pipeline import ReCo
from reco_core.structures import MAX_LABELS, References

log = logging.getLogger(__name__)
ROWS = ("reco", "reco_no_lgc", "reco_no_ce", "reco_no_lgc_ce", "reco_no_text", "denseclip", "reco_crf", "reco2")
PROTOCOLS = ("with_background", "objects_only")
UNLABELLED = {"unlabeled", "unlabelled", "void", "ignore"}
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class LabelledFolder:
    """classes: label value -> category name, without background and unlabelled."""

    folder: Path
    classes: dict[int, str]
    ignore: int | None
    background: int | None
    photos: tuple[str, ...]

    @classmethod
    def open(cls, folder: Path) -> "LabelledFolder":
        """Raises OptionError, naming the file that is missing or wrong."""
        meta_file = folder / "meta.json"
        if not meta_file.is_file():
            raise OptionError("this is no benchmark folder", given=folder,
                              expected="images/*.jpg, labels/*.png and meta.json")  # fmt: skip
        try:
            meta = json.loads(meta_file.read_text(encoding="utf-8"))
            listed = meta["classes"]
            names = dict(enumerate(listed)) if isinstance(listed, list) else {int(k): v for k, v in listed.items()}
            background = meta.get("background")
        except (ValueError, KeyError, AttributeError) as error:
            raise OptionError("meta.json cannot be used", given=f"{meta_file}: {error!r}",
                              expected='"classes" and optionally "ignore" and "background"') from error  # fmt: skip
        photos = tuple(sorted(file.stem for file in (folder / "images").glob("*.jpg")))
        missing = [stem for stem in photos if not (folder / "labels" / f"{stem}.png").is_file()]
        if not photos or missing:
            raise OptionError("photos or labels are missing", given=f"{len(photos)} photos, no labels for {missing[:3]}",
                              expected="a labels/NAME.png for each images/NAME.jpg")  # fmt: skip
        wanted = {v: name for v, name in names.items() if v != background and name.lower() not in UNLABELLED}
        return cls(folder, wanted, meta.get("ignore"), background, photos)

    def pairs(self, limit: int | None = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Photo (H, W, 3) uint8 and true label values (H, W) of each photo, by name."""
        for stem in self.photos[:limit]:
            photo = read_photo(self.folder / "images" / f"{stem}.jpg")
            truth = np.asarray(Image.open(self.folder / "labels" / f"{stem}.png"))
            if truth.ndim != 2 or truth.shape != photo.shape[:2]:
                raise OptionError("a label map does not fit its photo", given=f"{stem}: {truth.shape}",
                                  expected=str(photo.shape[:2]))  # fmt: skip
            yield photo, truth


@dataclass(frozen=True)
class Classes:
    """How label values become rows of the confusion matrix, and names become words."""

    names: tuple[str, ...]
    words: tuple[str, ...]
    rows: dict[int, int]
    background: bool

    @classmethod
    def of(cls, data: LabelledFolder, protocol: str) -> "Classes":
        if protocol not in PROTOCOLS:
            raise OptionError("unknown protocol", given=protocol, expected=" or ".join(PROTOCOLS))
        background = protocol == "with_background"
        if background and data.background is None:
            raise OptionError("this set names no background class", given=data.folder.name, expected="objects_only")
        names = tuple(data.classes.values())
        first = 1 if background else 0
        rows = {value: first + i for i, value in enumerate(data.classes)}
        if background and data.background is not None:
            rows[data.background] = 0
        words = tuple(category_words(name) for name in names)
        return cls((("background",) if background else ()) + names, words, rows, background)

    def truth(self, values: np.ndarray) -> np.ndarray:
        """Label values -> rows; -1 where not counted."""
        table = np.full(max(int(values.max()) + 1, max(self.rows) + 1), -1)
        for value, row in self.rows.items():
            table[value] = row
        return table[values]


def default_protocol(data: LabelledFolder) -> str:
    return "objects_only" if data.background is None else "with_background"


def run(
    reco: ReCo, data: LabelledFolder, *, methods: tuple[str, ...] = ROWS, protocol: str | None = None, k: int | None = None,
    background: tuple[str, ...] = BACKGROUND_WORDS, context: tuple[str, ...] = CONTEXT_WORDS, limit: int | None = None,
    progress: Progress = lambda done, of, what: None,
) -> dict:  # fmt: skip
    """Measure methods on a labelled folder.

    Every category competes in every photo. Under with_background the background words compete too
    and count as the background class; under objects_only they do not exist and only pixels of the
    listed classes are counted. Two categories that become the same word share it: the first wins.

    Returns:
        {"methods": {name: {"accuracy", "miou", "per_class"}}, "settings", "photos"}, all 0..1.

    Raises:
        OptionError: unknown method or protocol, or a folder that is not as expected.
    """
    protocol = protocol or default_protocol(data)
    classes = Classes.of(data, protocol)
    chosen = [find_method(name) for name in methods]
    words = tuple(dict.fromkeys(word.casefold() for word in classes.words))
    row_of = np.array([0] + [[w.casefold() for w in classes.words].index(word) + classes.background for word in words])
    competing = background if classes.background else ()
    references: dict[str, References] = {
        method.name: reco.prepare(words, k=k, method=method, background=competing, context=context, most=MAX_LABELS)
        for method in chosen
    }
    counts = {method.name: np.zeros((len(classes.names),) * 2, np.int64) for method in chosen}
    seconds = dict.fromkeys(counts, 0.0)
    total = min(len(data.photos), limit or len(data.photos))
    for done, (photo, values) in enumerate(data.pairs(limit)):
        truth = classes.truth(values)
        started = time.perf_counter()
        encoded = reco.encode(photo)
        reading = time.perf_counter() - started
        for method in chosen:
            started = time.perf_counter()
            result = reco.segment(photo, references[method.name], method=method, encoded=encoded)
            seconds[method.name] += reading + time.perf_counter() - started
            predicted = row_of[result.labels]
            counts[method.name] += metrics.confusion_matrix(truth, predicted, len(classes.names))
        progress(done + 1, total, data.photos[done])
    return {
        "methods": {name: _entry(confusion, classes, seconds[name] / total) for name, confusion in counts.items()},
        "settings": {
            "protocol": protocol, "data": data.folder.name, "preset": reco.encoder.preset.name,
            "weights": reco.encoder.hash, "archive": reco.archive.hash, "archive_photos": len(reco.archive),
            "k": k or reco.encoder.preset.k, "background": list(competing), "context": list(context),
            "photo_side": reco.encoder.preset.photo_side, "temperatures": asdict(reco.encoder.preset.temperatures),
            "words": dict(zip(classes.names[classes.background :], classes.words, strict=True)),
            "authors_code": asdict(reco.authors), "device": reco.encoder.device,
        },
        "photos": total,
    }  # fmt: skip


def _entry(confusion: np.ndarray, classes: Classes, seconds: float) -> dict:
    result = metrics.score(confusion)
    per_class = {
        name: None if np.isnan(iou) else round(float(iou), 4)
        for name, iou in zip(classes.names, result.iou, strict=True)
    }
    return {"accuracy": round(result.accuracy, 4), "miou": round(result.miou, 4), "per_class": per_class,
            "seconds_per_photo": round(seconds, 3)}  # fmt: skip


def table(report: dict) -> str:
    """The report as a Markdown table, per cent."""
    head = f"| {report['settings']['data']}, {report['settings']['protocol']} | accuracy | mIoU | s / photo |\n|---|---|---|---|"
    rows = [
        f"| {name} | {100 * row['accuracy']:.1f} | {100 * row['miou']:.1f} | {row['seconds_per_photo']:.2f} |"
        for name, row in report["methods"].items()
    ]
    return "\n".join([head, *rows])
