"""A folder with the results of many photos, and what sums them up: a table, COCO, YOLO."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from reco_core.errors import find
from reco_core.export.coco import to_coco
from reco_core.export.file_names import photo_key, readable
from reco_core.export.masks import write_cutouts, write_masks
from reco_core.export.report import save_jpeg, write_report
from reco_core.export.share_picture import share_picture, told_of
from reco_core.export.stored_result import REPORT, StoredResult, read_result, read_results
from reco_core.export.yolo import to_lines, to_yaml
from reco_core.types import Segmentation
from reco_core.utils.atomic_write import atomic_write

FORMATS = {
    "masks": "a black and white PNG for each name",
    "cutouts": "a transparent PNG for each name",
    "share": "a picture for a chat",
    "coco": "coco.json",
    "yolo": "labels as polygons",
}
ALL = "all"
SHARE = "share"  # the folder
COLUMNS = ("photo", "name", "share", "presence", "found", "answer", "result", "problem")


def parse_formats(formats: Sequence[str]) -> tuple[str, ...]:
    """The formats that are meant, in the order of `FORMATS`. Raises OptionError: there is no such format."""
    for name in formats:
        find(name, {**FORMATS, ALL: ""}, "format")
    return tuple(name for name in FORMATS if name in formats or ALL in formats)


class ResultsFolder:
    """Results of photos, each under a key of its own, whatever photos have the same name.

    A photo is known by its bytes: what is there of another one is never written over. For one process at a time.
    """

    def __init__(self, folder: Path, formats: Sequence[str] = ()) -> None:
        """formats: what is written besides, see `FORMATS`."""
        self.folder, self.formats = folder, formats
        self._taken: set[str] = set()

    def place(self, photo: str, sha256: str) -> tuple[str, StoredResult | None]:
        """A free key for a photo, or that which it has, and then what is stored; each photo of a run asks once.

        photo: its name, perhaps with folders. sha256: of its bytes.
        """
        first = photo_key(photo)
        key, number = first, 1
        while key.casefold() in self._taken or not self._free(key, sha256):
            number += 1
            key = f"{first}-{number}"
        self._taken.add(key.casefold())
        return key, read_result(self._report(key), self.folder)

    def write(self, key: str, result: Segmentation, photo: np.ndarray, settings: dict, prefix: str) -> None:
        """Write a photo's files, result.json last. prefix: of its overlay, labels and result. Raises OSError."""
        if "masks" in self.formats:
            write_masks(result.labels, result.names, self.folder, key)
        if "cutouts" in self.formats:
            write_cutouts(photo, result.labels, result.names, self.folder, key)
        if "share" in self.formats:
            picture = share_picture(photo, result.labels, *told_of(result))
            save_jpeg(Image.fromarray(picture), self.folder / SHARE / f"{key}.jpg")
        write_report(result, photo, self.folder, settings, prefix)

    def summarise(self, problems: Sequence[tuple[str, str]] = (), table: bool = True) -> None:
        """Write table.csv, coco.json and yolo/ of all results that are in the folder.

        problems: photos without a result, and why. table: whether there shall be one.

        Raises:
            OptionError: a result is damaged. OSError: nothing can be written.
        """
        results = list(read_results(self.folder))
        names = list(dict.fromkeys(concept.name for result in results for concept in result.concepts))
        if table:
            atomic_write(self.folder / "table.csv", _table(results, problems))
        if "coco" in self.formats:
            atomic_write(self.folder / "coco.json", json.dumps(to_coco(results, names), ensure_ascii=False) + "\n")
        if "yolo" in self.formats:
            for result in results:
                file = self.folder / "yolo" / "labels" / f"{result.key}.txt"
                file.parent.mkdir(parents=True, exist_ok=True)
                atomic_write(file, to_lines(result, names))
            atomic_write(self.folder / "yolo" / "data.yaml", to_yaml(names))

    def _report(self, key: str) -> Path:
        return self.folder / f"{key}.{REPORT}"

    def _free(self, key: str, sha256: str) -> bool:
        stored = read_result(self._report(key), self.folder)
        return not self._report(key).exists() if stored is None else stored.sha256 == sha256


def _table(results: Sequence[StoredResult], problems: Sequence[tuple[str, str]]) -> str:
    """A row for each name in each photo, and for each photo without a result; shares and presences 0..1."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    for result in results:
        for c in result.concepts:
            rows.writerow(
                [result.photo, c.name, c.share, c.presence, "yes" if c.found else "no", c.answer, result.key, ""]
            )
    for photo, why in problems:
        rows.writerow([readable(photo), *[""] * (len(COLUMNS) - 2), why])
    return text.getvalue()
