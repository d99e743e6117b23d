"""A preset's models and archive together with a visitor's own photos: what is searched and learned from."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from reco_core.methods import CONTEXT_WORDS, find_method
from reco_core.types import Concept, Exemplar, Retrieved

if TYPE_CHECKING:
    from reco_core.archives.archive import Archive
    from reco_core.pipeline import ReCo


@dataclass(frozen=True)
class UserRows:
    """The rows of an archive from `start` on are a visitor's photos, long after they were removed too.

    photos: folder of their files.
    """

    archive: Archive
    start: int
    photos: Path

    def has(self, row: int) -> bool:
        """Whether a row of the archive is a visitor's photo."""
        return row >= self.start


class UserArchive:
    """For one preset and one set of photos; keeps what it learned from them."""

    def __init__(
        self,
        shared: ReCo,
        user: Archive | None = None,
        photos: Path = Path(),
        names: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """shared: models and archive of all. user: an archive of the visitor's photos, whose files lie in `photos`.

        names: what they teach, by file; "" is nothing.
        """
        self.reco = shared if user is None else shared.extended(user)
        self.user_rows = UserRows(self.reco.archive, len(shared.archive), photos)
        self._by_name: dict[str, list[int]] = {}
        for row in range(self.user_rows.start, len(self.reco.archive)):
            self._by_name.setdefault(names[self.reco.archive.records[row].file].casefold(), []).append(row)
        self._by_name.pop("", None)
        self._concepts: dict[tuple, Concept] = {}
        self._lock = threading.Lock()

    @property
    def taught(self) -> tuple[str, ...]:
        """The names that the visitor's photos teach, casefolded."""
        return tuple(self._by_name)

    def concepts(
        self,
        names: tuple[str, ...],
        method: str = "",
        k: int = 0,
        context: tuple[str, ...] = CONTEXT_WORDS,
        exclude: frozenset[str] = frozenset(),
    ) -> dict[str, Concept]:
        """What the visitor's photos teach of these names, but for some files. method, k: the preset's if not given."""
        preset, records = self.reco.encoder.preset, self.reco.archive.records
        method, k = method or preset.method, k or preset.k
        found = {}
        for name in names:
            rows = [row for row in self._by_name.get(name.casefold(), ()) if records[row].file not in exclude]
            if rows:
                key = (name, find_method(method).learning, k, context, tuple(rows))
                with self._lock:
                    if key not in self._concepts:
                        self._concepts[key] = self.reco.teach(name, rows, k=k, method=method, context=context)
                    found[name] = self._concepts[key]
        return found

    def search(self, words: str, photo: np.ndarray | None, k: int) -> list[Exemplar]:
        """The k photos nearest to words, a photo, or both, best first; a taught name is looked for by its photos.

        Raises:
            OptionError: neither words nor a photo.
        """
        import torch
        import torch.nn.functional as F

        archive, words = self.reco.archive, " ".join(words.split())
        if rows := self._by_name.get(words.casefold()):
            parts = [F.normalize(archive.embeddings(np.array(rows)).mean(0), dim=0)]
            parts += [self.reco.encoder.query("", photo)] if photo is not None else []
            query = F.normalize(torch.stack(parts).mean(0), dim=0)
        else:
            return search(self.reco, words, photo, k)
        return _exemplars(archive, archive.search(query, k))


def search(reco: ReCo, words: str, photo: np.ndarray | None, k: int) -> list[Exemplar]:
    """The k photos of an archive nearest to words, a photo, or both, best first; words alone are looked for in titles
    too.

    Raises:
        OptionError: neither words nor a photo.
    """
    from reco_core.archives.exemplar_search import NamedPhotos

    archive, query = reco.archive, reco.encoder.query(words, photo)
    if photo is not None:
        return _exemplars(archive, archive.search(query, k))
    return _exemplars(archive, NamedPhotos.find(archive, words, query, k, reco.encoder.preset.in_archive_from).fused(k))


def _exemplars(archive: Archive, found: Retrieved) -> list[Exemplar]:
    """What was found, as what tiles show; without seeds, since nothing was learned from it."""
    hits = zip(found.rows.tolist(), found.similarity.tolist(), found.why, strict=True)
    return [Exemplar(row, similarity, (0.5, 0.5), 0.0, archive.records[row], why) for row, similarity, why in hits]
