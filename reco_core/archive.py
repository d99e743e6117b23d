"""An archive: what a model knows of many photos, on disk, without their pixels.

A folder with
    manifest.json       format, preset, hash of the weights, sizes, licence summary, SHA-256 of every file
    photos.csv.gz       a row per photo: source, licence, author, title (structures.PhotoRecord)
    index.faiss         global embeddings, a byte per channel, inner product (FAISS scalar quantiser)
    typical.safetensors mean and covariance of the embeddings and of the language maps' positions
    features.npy        co-segmentation features, quantised: (N, positions, bytes) uint8
    features.codec      their quantiser (FAISS)
    language.npy        language maps, likewise: as words of a dictionary (dictionary.py) if they are sums of words
    dictionary.safetensors   the words' text embeddings
    language.codec      otherwise: their quantiser (FAISS)
    references.json, references.safetensors   concepts learned beforehand (context, background words)
`archive_writer.py` makes it. No file is a pickle. Everything large is memory-mapped.
"""

import csv
import gzip
import hashlib
import io
import json
import logging
from dataclasses import fields
from pathlib import Path

import faiss
import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from reco_core import dictionary
from reco_core.checksums import sha256
from reco_core.errors import ArchiveError
from reco_core.inference import Typical
from reco_core.structures import PhotoRecord, Retrieved

log = logging.getLogger(__name__)
FORMAT = 2
MANIFEST = "manifest.json"
TYPICAL = "typical.safetensors"
DICTIONARY = "dictionary.safetensors"
REBUILD = "Rebuild it with: python -m reco_core archive build PHOTOS --out FOLDER"


class Archive:
    """An opened archive; immutable, so that any number of users can share it."""

    def __init__(self, folder: Path) -> None:
        """Open and check an archive.

        Raises:
            ArchiveError: missing, of another format, or any file differs from the manifest.
        """
        self.folder = Path(folder)
        manifest_file = self.folder / MANIFEST
        if not manifest_file.is_file():
            raise ArchiveError("there is no archive here", given=folder, expected=f"a folder with {MANIFEST}",
                               remedy=REBUILD)  # fmt: skip
        try:
            text = manifest_file.read_text(encoding="utf-8")
            self.manifest = json.loads(text)
            version, files = self.manifest["format"], self.manifest["files"]
            self.preset, self.weights = self.manifest["preset"], self.manifest["weights"]
            self.grid = tuple(self.manifest["grid"])
            self.language_grid = tuple(self.manifest.get("language_grid", self.grid))
        except (ValueError, KeyError, TypeError) as error:
            raise self._damaged(MANIFEST, error) from error
        if version != FORMAT:
            raise ArchiveError("the archive has another format", given=version, expected=str(FORMAT), remedy=REBUILD)
        for name, expected in files.items():
            self._check(name, expected)
        self.hash = hashlib.sha256(text.encode()).hexdigest()
        self._open()

    def _damaged(self, name: str, why: object) -> ArchiveError:
        return ArchiveError(f"the archive's file {name} is damaged", given=f"{self.folder} ({why})", remedy=REBUILD)

    def _check(self, name: str, expected: str) -> None:
        file = self.folder / name
        if not file.is_file():
            raise self._damaged(name, "it is missing")
        if sha256(file) != expected:
            raise self._damaged(name, "its SHA-256 differs from the manifest's")

    def _open(self) -> None:
        try:
            flags = faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY
            self.index = faiss.read_index(str(self.folder / "index.faiss"), flags)
            self._codecs = {
                name: faiss.read_index(str(self.folder / f"{name}.codec"))
                for name in ("features", "language")
                if f"{name}.codec" in self.manifest["files"]
            }
            self._words = None if "language" in self._codecs else load_file(self.folder / DICTIONARY)["words"].float()
            self._codes = {
                name: np.load(self.folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
                for name in ("features", "language")
            }
            self.records = read_records(self.folder / "photos.csv.gz")
            stored = load_file(self.folder / TYPICAL)
            self.typical = {
                of: Typical(stored[f"{of}.mean"].float(), stored[f"{of}.covariance"].float())
                for of in ("photos", "positions")
            }
        except (OSError, ValueError, RuntimeError, KeyError, TypeError, SafetensorError) as error:
            raise self._damaged("contents", error) from error
        if len({len(self), len(self.records), *(len(codes) for codes in self._codes.values())}) != 1:
            raise self._damaged("contents", "files disagree on the number of photos")

    def __len__(self) -> int:
        return self.index.ntotal

    def check_model(self, preset: str, weights: str | None = None) -> None:
        """Raise ArchiveError unless the archive was made by this preset, and with these weights (SHA-256) if given."""
        if (self.preset, self.weights) != (preset, weights or self.weights):
            raise ArchiveError(
                "this archive was made by another model",
                given=f"an archive of preset {self.preset}, weights {self.weights[:12]}",
                expected=f"preset {preset}" + (f", weights {weights[:12]}" if weights else ""),
                remedy=f"Choose the archive that belongs to preset {preset}, or r{REBUILD[1:]} --preset {preset}",
            )

    def search(self, text: Tensor, k: int, exclude: frozenset[str] = frozenset()) -> Retrieved:
        """The k photos whose embedding is nearest to a text embedding (D,), by cosine, best first.

        exclude: files that must not be returned. Fewer than k photos: all of them.
        """
        wanted = min(len(self), k + len(exclude))
        similarity, rows = self.index.search(text.float().numpy()[None], wanted)
        kept = [i for i, row in enumerate(rows[0]) if row >= 0 and self.records[row].file not in exclude][:k]
        return Retrieved(rows[0][kept], similarity[0][kept])

    def features(self, rows: np.ndarray) -> Tensor:
        """Co-segmentation features of some photos: (k, h w, C) float32, norm 1."""
        return self._decode("features", rows)

    def language(self, rows: np.ndarray) -> Tensor:
        """Language maps of some photos: (k, h' w', D) float32, norm 1, on `language_grid`."""
        if self._words is None:
            return self._decode("language", rows)
        codes = torch.from_numpy(self._read("language", rows))
        return dictionary.unpack(codes.flatten(0, 1), self._words).view(*codes.shape[:2], -1)

    def _decode(self, name: str, rows: np.ndarray) -> Tensor:
        codes = self._read(name, rows)
        flat = self._codecs[name].sa_decode(codes.reshape(-1, codes.shape[-1]))
        return F.normalize(torch.from_numpy(flat).view(*codes.shape[:2], -1), dim=-1)

    def _read(self, name: str, rows: np.ndarray) -> np.ndarray:
        """Codes (k, h w, bytes) of some photos, read in the file's order."""
        return np.ascontiguousarray(self._codes[name][np.sort(rows)][np.argsort(np.argsort(rows))])

    def embeddings(self, rows: np.ndarray | None = None) -> Tensor:
        """Global embeddings (n, D) float32 of some photos, or of all."""
        rows = np.arange(len(self)) if rows is None else rows
        return torch.from_numpy(self.index.reconstruct_batch(rows.astype(np.int64)))


def read_records(file: Path) -> list[PhotoRecord]:
    with gzip.open(file, "rt", encoding="utf-8", newline="") as stream:
        return [PhotoRecord.of(row) for row in csv.DictReader(stream)]


def write_records(records: list[PhotoRecord], file: Path) -> None:
    """Byte for byte the same for the same records (no time stamp in the gzip header)."""
    with (
        file.open("wb") as raw,
        gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as packed,
        io.TextIOWrapper(packed, encoding="utf-8", newline="") as stream,
    ):
        writer = csv.DictWriter(stream, [field.name for field in fields(PhotoRecord)])
        writer.writeheader()
        writer.writerows(vars(record) for record in records)
