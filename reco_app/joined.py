"""A preset's models and archive together with a visitor's own photos: what is searched and learned from."""

import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from reco_core.archives.archive import Archive
from reco_core.errors import PhotoError
from reco_core.methods import CONTEXT_WORDS, find_method
from reco_core.pipeline import ReCo
from reco_core.types import Concept, Exemplar, PhotoRecord, Retrieved
from reco_core.utils.images import read_photo
from reco_core.utils.visualize import feature_picture


@dataclass(frozen=True)
class Shelf:
    """What it takes to show own photos, long after they were removed too. start: the archive's first row of them."""

    archive: Archive
    start: int
    photos: Path

    def has(self, row: int) -> bool:
        """Whether a row of the archive is an own photo."""
        return row >= self.start

    def photo(self, record: PhotoRecord) -> np.ndarray | None:
        """An own photo, if it is still there."""
        try:
            return read_photo(self.photos / record.file)
        except PhotoError:
            return None

    def picture(self, row: int) -> np.ndarray:
        """What the model sees of an own photo."""
        return feature_picture(self.archive.features(np.array([row]))[0], self.archive.grid)


class Joined:
    """For one preset and one set of own photos; keeps what it learned from them."""

    def __init__(self, shared: ReCo, reco: ReCo, photos: Path) -> None:
        """reco: `shared` with the own photos behind its archive."""
        self.reco, self.shelf = reco, Shelf(reco.archive, len(shared.archive), photos)
        self._rows: dict[str, list[int]] = {}
        for row in range(self.shelf.start, len(reco.archive)):
            self._rows.setdefault(reco.archive.records[row].title.casefold(), []).append(row)
        self._rows.pop("", None)
        self._taught: dict[tuple, Concept] = {}
        self._lock = threading.Lock()

    def taught(
        self, names: tuple[str, ...], method: str = "", k: int = 0, context: tuple[str, ...] = CONTEXT_WORDS
    ) -> dict[str, Concept]:
        """What own photos teach of these names. method, k: the preset's if not given."""
        preset = self.reco.encoder.preset
        method, k = method or preset.method, k or preset.k
        concepts = {}
        for name in names:
            rows = self._rows.get(name.casefold())
            key = (name, find_method(method).learning, k, context)
            with self._lock:
                if rows and key not in self._taught:
                    self._taught[key] = self.reco.teach(name, rows, k=k, method=method, context=context)
                if rows:
                    concepts[name] = self._taught[key]
        return concepts

    def search(self, words: str, photo: np.ndarray | None, k: int) -> list[Exemplar]:
        """The k photos nearest to words, a photo, or both, best first; a taught name is looked for by its photos.

        Raises:
            OptionError: neither words nor a photo.
        """
        archive, words = self.reco.archive, " ".join(words.split())
        if rows := self._rows.get(words.casefold()):
            parts = [F.normalize(archive.embeddings(np.array(rows)).mean(0), dim=0)]
            parts += [self.reco.encoder.query("", photo)] if photo is not None else []
            query = F.normalize(torch.stack(parts).mean(0), dim=0)
        else:
            query = self.reco.encoder.query(words, photo)
        return exemplars(archive, archive.search(query, k))


def exemplars(archive: Archive, found: Retrieved) -> list[Exemplar]:
    """What was found, as what the gallery shows; without seeds, since nothing was learned from it."""
    pairs = zip(found.rows.tolist(), found.similarity.tolist(), strict=True)
    return [Exemplar(row, similarity, (0.5, 0.5), 0.0, archive.records[row]) for row, similarity in pairs]
