"""One photo's result as files to take along, each written when it is first asked for.

Together they take seconds for a large photo, and most people want one of them.
"""

import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from reco_core.errors import find
from reco_core.export.coco import to_coco
from reco_core.export.cutouts import cut_out
from reco_core.export.file_names import name_keys, photo_key
from reco_core.export.masks import CUTOUTS, MASKS
from reco_core.export.picture_legend import Marked
from reco_core.export.report import save_jpeg, save_png
from reco_core.export.share_picture import share_picture
from reco_core.export.stored_result import StoredResult
from reco_core.utils.atomic_write import atomic_path, atomic_write
from reco_core.utils.images import limit_size, resize_labels
from reco_core.utils.visualize import overlay

OVERLAY_SIDE = (
    2048  # pixels of the overlay's long side; at the size of large photos it would take minutes and gigabytes
)
ENDINGS = {
    "share": "share.jpg",
    "overlay": "overlay.png",
    "cutouts": "cutouts.zip",
    "labels": "labels.png",
    "coco": "coco.json",
}
TITLES = {
    "share": "Picture to share",
    "overlay": "Photo with masks",
    "cutouts": "Masks and cut-outs",
    "labels": "Label map",
    "coco": "COCO JSON",
}


class TakeAlong:
    """The files of a result, called after its photo: "street-cutouts.zip"."""

    def __init__(self, stored: StoredResult, photo: Callable[[], np.ndarray], folder: Path) -> None:
        """stored: with its labels in a file. photo: reads it, (H, W, 3) uint8. folder: where files are written.

        For another threshold make another one, in another folder: what was found is in every file.
        """
        self.stored, self.folder, self._photo = stored, folder, photo
        self.stem = PurePosixPath(photo_key(stored.photo)).name
        self._lock = threading.Lock()

    def name(self, kind: str) -> str:
        """What a file of `ENDINGS` is called. Raises OptionError: there is no such kind."""
        return f"{self.stem}-{find(kind, ENDINGS, 'file')}"

    def file(self, kind: str) -> Path:
        """One of `ENDINGS`, written now if it has to be.

        Raises:
            OptionError: there is no such kind, or the labels are damaged. OSError: it cannot be written. What the
                reading of the photo raises.
        """
        file = self.folder / self.name(kind)
        with self._lock:
            if not file.exists():
                self.folder.mkdir(parents=True, exist_ok=True)
                getattr(self, f"_write_{kind}")(file)
        return file

    def _write_share(self, file: Path) -> None:
        found = [Marked(c.name, c.label, c.share) for c in self.stored.concepts if c.found]
        missing = [c.name for c in self.stored.concepts if not c.found]
        save_jpeg(Image.fromarray(share_picture(self._photo(), self.stored.labels(), found, missing)), file)

    def _write_overlay(self, file: Path) -> None:
        small = limit_size(self._photo(), OVERLAY_SIDE)
        labels = resize_labels(self.stored.labels(), small.shape[:2])
        kept = np.where(np.isin(labels, [c.label for c in self.stored.concepts if c.found]), labels, 0)
        save_png(Image.fromarray(overlay(small, kept, len(self.stored.concepts))), file)

    def _write_labels(self, file: Path) -> None:
        atomic_write(file, self.stored.labels_file.read_bytes())

    def _write_coco(self, file: Path) -> None:
        names = [concept.name for concept in self.stored.concepts]
        atomic_write(file, json.dumps(to_coco([self.stored], names), ensure_ascii=False) + "\n")

    def _write_cutouts(self, file: Path) -> None:
        with atomic_path(file) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as packed:
            for name, image in self._pictures():
                png = io.BytesIO()
                image.save(png, "PNG", compress_level=1)
                packed.writestr(name, png.getvalue())

    def _pictures(self) -> Iterator[tuple[str, Image.Image]]:
        """A mask and a cut-out of each name that was found."""
        photo, labels = self._photo(), self.stored.labels()
        keys = name_keys([concept.name for concept in self.stored.concepts])
        for concept, key in zip(self.stored.concepts, keys, strict=True):
            inside = labels == concept.label
            if concept.found and (cut := cut_out(photo, inside)) is not None:
                yield f"{MASKS}/{self.stem}.{key}.png", Image.fromarray(inside).convert("L")
                yield f"{CUTOUTS}/{self.stem}.{key}.png", Image.fromarray(cut)
