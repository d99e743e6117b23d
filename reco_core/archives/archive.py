"""An archive: what a model knows of many photos, on disk, without the photos.

A folder (`manifest.py`) whose manifest lists parts, photos that were added together, each with
    photos           a row per photo: source, licence, author, title (records.py)
    embeddings, ivf  global embeddings, and an index over them if they are very many (vectors.py)
    features         co-segmentation features, compressed: (n, positions, bytes) uint8
    language         language maps, likewise
    features_codec, language_codec   what reads those (codecs.py); parts may share them
    thumbnails, thumbnail_ends   small pictures of those photos that have one (thumbnails.py)
    left_out         photos that were not taken, and why
and for the archive as a whole
    typical          mean and covariance of the embeddings and of the language maps' positions
    references, references_vectors   concepts learned beforehand (stored_concepts.py)
`writer.py` makes it, `changes.py` changes it. No file is a pickle. What is large is read when it
is asked for, or memory-mapped where it is very large (`vectors`).
"""

import copy
import itertools
import zipfile
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from reco_core.archives import codecs, manifest
from reco_core.archives.arrays import Rows
from reco_core.archives.records import ChainedRecords, Records
from reco_core.archives.thumbnails import ROLES, open_thumbnails
from reco_core.archives.title_search import Called, TitleIndex, search_titles
from reco_core.archives.vectors import Vectors
from reco_core.errors import ArchiveError
from reco_core.segmentation.background_stats import BackgroundStats
from reco_core.types import PhotoRecord, Retrieved
from reco_core.utils.byte_cache import ByteCache
from reco_core.utils.photo_files import spelled

DENSE_BYTES = 256_000_000  # of maps that were computed on demand
Dense = dict[str, Tensor]
Compute = Callable[[Sequence[PhotoRecord]], list[Dense]]  # features and language, each (positions, C), of photos
READ_ERRORS = (OSError, ValueError, RuntimeError, KeyError, TypeError, IndexError, zipfile.BadZipFile, SafetensorError)


class ArchivePart:
    """A part of an archive, opened. entry: what the manifest says of it."""

    def __init__(self, folder: Path, entry: manifest.Part) -> None:
        files = {role: folder / name for role, name in entry.files.items()}
        self.folder, self.entry = folder, entry
        self.vectors = Vectors(files["embeddings"], files.get("ivf"))
        self.records = Records(files["photos"], entry.photos)
        self.codes = {role: Rows(files[role]) for role in codecs.MAPS if role in files}
        self.codecs = {role: codecs.load(files[f"{role}_codec"]) for role in self.codes}
        self.thumbnails = open_thumbnails(folder, entry)
        lengths = {len(self.vectors), len(self.records), *(len(codes) for codes in self.codes.values())}
        if lengths != {entry.photos} or any(c.dtype != np.uint8 or c.ndim != 3 for c in self.codes.values()):
            raise ValueError("files disagree on the number of photos")

    def __len__(self) -> int:
        return self.entry.photos

    @cached_property
    def titles(self) -> TitleIndex:
        """What its photos are called; read when it is first asked for."""
        return TitleIndex(self.records.titles())

    def read(self, role: str, rows: np.ndarray) -> np.ndarray:
        """Codes (k, positions, bytes) of some photos, read in the file's order; raises ArchiveError: it is damaged."""
        order = np.argsort(rows, kind="stable")
        try:
            return np.ascontiguousarray(self.codes[role][rows[order]][np.argsort(order)])
        except (OSError, ValueError) as error:
            raise manifest.damaged(self.folder, self.entry.files[role], error) from error

    def thumbnail(self, row: int) -> bytes:
        """A photo's thumbnail, WebP; b"" if it has none. Raises ArchiveError if it is damaged."""
        try:
            return b"" if self.thumbnails is None else self.thumbnails.read(row)
        except ValueError as error:
            raise manifest.damaged(self.folder, self.entry.files[ROLES[0]], error) from error


class Archive:
    """An opened archive; immutable, so that any number of users can share it."""

    def __init__(self, folder: Path) -> None:
        """Open and check an archive: sizes of all files, and every byte of the small ones; `manifest.check` reads all.

        Raises:
            ArchiveError: missing, of another format, or its files differ from the manifest.
        """
        self.folder = Path(folder)
        while True:
            read = manifest.stamp(self.folder)
            self.manifest = manifest.read_manifest(self.folder)
            try:
                self._open()
                break
            except ArchiveError:
                if manifest.stamp(self.folder) == read:
                    raise
                # Another process changed it in between, and swept the old files away: once more.
        self.preset, self.weights = self.manifest.preset, self.manifest.weights
        self.grid, self.language_grid = self.manifest.grid, self.manifest.language_grid
        self.hash = self.manifest.hash
        self._compute: Callable[[PhotoRecord], Dense] | None = None

    def _open(self) -> None:
        for name, problem in manifest.check(self.folder, self.manifest):
            raise manifest.damaged(self.folder, name, problem)
        try:
            parts = tuple(ArchivePart(self.folder, entry) for entry in self.manifest.parts)
            stored = load((self.folder / self.manifest.shared["typical"]).read_bytes())  # not mapped, see `arrays`
            self.stats = {
                of: BackgroundStats(stored[f"{of}.mean"].float(), stored[f"{of}.covariance"].float())
                for of in ("photos", "positions")
            }
            self._use(parts)
        except (*READ_ERRORS, ArchiveError) as error:
            raise manifest.damaged(self.folder, "contents", error) from error

    def _use(self, parts: tuple[ArchivePart, ...]) -> None:
        self.parts = parts
        self._starts = np.array([0, *itertools.accumulate(map(len, parts))])
        self.records: Sequence[PhotoRecord] = ChainedRecords([part.records for part in parts])

    def __len__(self) -> int:
        return int(self._starts[-1])

    @classmethod
    def concatenate(cls, archives: Sequence["Archive"]) -> "Archive":
        """The photos of several archives, one after the other, in memory only; all else is the first one's.

        Raises:
            ArchiveError: they were made by different models.
        """
        first, *others = archives
        for other in others:
            other.check_model(first.preset, first.weights)
        both = copy.copy(first)
        both.hash = "+".join(archive.hash for archive in archives)
        both._use(tuple(part for archive in archives for part in archive.parts))
        return both

    def with_maps_from(self, compute: Compute) -> "Archive":
        """The same archive, which has dense maps that it does not store computed when they are asked for."""
        twin, kept = copy.copy(self), ByteCache[Dense](DENSE_BYTES)
        twin._compute = lambda record: kept.get(record) or kept.put(record, compute([record])[0])
        return twin

    def check_model(self, preset: str, weights: str | None = None) -> None:
        """Raise ArchiveError unless the archive was made by this preset, and with these weights (SHA-256) if given."""
        if (self.preset, self.weights) != (preset, weights or self.weights):
            raise ArchiveError(
                "this archive was made by another model",
                given=f"an archive of preset {self.preset}, weights {self.weights[:12]}",
                expected=f"preset {preset}" + (f", weights {weights[:12]}" if weights else ""),
                remedy=f"Choose the archive of preset {preset}, or r{manifest.REBUILD[1:]} --preset {preset}",
            )

    def search(self, text: Tensor, k: int, exclude: frozenset[str] = frozenset()) -> Retrieved:
        """The k photos whose embedding is nearest to a text embedding (D,), by cosine, best first.

        exclude: files that must not be returned. Fewer than k photos: all of them.
        """
        unwanted = set(map(spelled, exclude))
        wanted, query = min(len(self), k + len(exclude)), text.float().numpy()
        found = [part.vectors.search(query, wanted) for part in self.parts]
        similarity = np.concatenate([s for s, _ in found])
        rows = np.concatenate([rows + start for (_, rows), start in zip(found, self._starts[:-1], strict=True)])
        best = np.lexsort((rows, -similarity))[:wanted]
        kept = [i for i in best if not exclude or spelled(self.records[rows[i]].file) not in unwanted][:k]
        return Retrieved(rows[kept], similarity[kept])

    def called(self, name: str, exclude: frozenset[str] = frozenset()) -> Called:
        """The photos whose title has a name in it, but for some files, best first."""
        found = search_titles([part.titles for part in self.parts], name)
        if not exclude:
            return found
        unwanted = set(map(spelled, exclude))
        return found.take(np.array([spelled(self.records[row].file) not in unwanted for row in found.rows], bool))

    def features(self, rows: np.ndarray) -> Tensor:
        """Co-segmentation features of some photos: (k, h w, C) float32, norm 1."""
        return self._dense("features", rows)

    def language(self, rows: np.ndarray) -> Tensor:
        """Language maps of some photos: (k, h' w', D) float32, norm 1, on `language_grid`."""
        return self._dense("language", rows)

    def embeddings(self, rows: np.ndarray | None = None) -> Tensor:
        """What photos are searched by, (n, D) float32, of some or of all."""
        rows = np.arange(len(self)) if rows is None else np.asarray(rows)
        return self._gather(rows, lambda part, of_part: torch.from_numpy(part.vectors.take(of_part)))

    def files(self, rows: Iterable[int]) -> frozenset[str]:
        """The files of some photos, to be excluded for example; rows that no photo has are passed over."""
        return frozenset(self.records[row].file for row in rows if 0 <= row < len(self))

    @property
    def thumbnails(self) -> int:
        """How many photos have a thumbnail."""
        return sum(part.thumbnails.count for part in self.parts if part.thumbnails is not None)

    def thumbnail(self, row: int) -> bytes | None:
        """A small picture of a photo's centre crop, WebP, if it has one.

        Raises:
            ArchiveError: it is damaged.
        """
        owner = int(np.searchsorted(self._starts, row, side="right")) - 1
        return self.parts[owner].thumbnail(row - int(self._starts[owner])) or None

    def _dense(self, role: str, rows: np.ndarray) -> Tensor:
        def read(part: ArchivePart, of_part: np.ndarray) -> Tensor:
            if role in part.codes:
                return part.codecs[role].decode(part.read(role, of_part))
            if self._compute is None:
                raise ArchiveError(
                    "this archive stores no dense features, and its photos are not at hand",
                    given=self.folder,
                    remedy="Say where the photos are: --photos FOLDER",
                )
            return torch.stack([self._compute(part.records[row])[role] for row in of_part])

        return self._gather(np.asarray(rows), read)

    def _gather(self, rows: np.ndarray, read: Callable[[ArchivePart, np.ndarray], Tensor]) -> Tensor:
        """What `read` gives for rows of each part, in the order of `rows`."""
        owner = np.searchsorted(self._starts, rows, side="right") - 1
        pieces = {int(p): read(self.parts[p], rows[owner == p] - self._starts[p]) for p in np.unique(owner)}
        if len(pieces) == 1:
            return next(iter(pieces.values()))
        out = torch.empty(len(rows), *next(iter(pieces.values())).shape[1:])
        for p, piece in pieces.items():
            out[torch.from_numpy(owner == p)] = piece
        return out
