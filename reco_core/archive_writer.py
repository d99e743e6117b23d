"""Making an archive: photos through a model, compressed, indexed, written."""

import collections
import csv
import hashlib
import json
import logging
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import faiss
import numpy as np
import torch
from safetensors.torch import save_file

from reco_core import dictionary, inference
from reco_core.archive import DICTIONARY, FORMAT, MANIFEST, TYPICAL, write_records
from reco_core.building import Building, building
from reco_core.checksums import sha256
from reco_core.encoders import Encoder
from reco_core.errors import ArchiveError, PhotoError
from reco_core.photos import read_photo
from reco_core.structures import PhotoRecord
from reco_core.whole import write_whole

log = logging.getLogger(__name__)
BATCH = 32
SAMPLE = 100_000  # positions that the quantiser learns from
# of mini's features: 10 bytes a position, cosine 0.919 (a product quantiser of 13: 0.916); 7 more hold the language map
MINI_CODEC = "RQ10x8"
CODEC = "PQ{}x8"  # of maps that are not bundled: a byte for every `CHANNELS` channels
CHANNELS = 8
SMALL_CODEC = "SQ8"  # for too few photos to learn a codebook
TABLE = "manifest.tsv"
PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"}
Progress = Callable[[int, int], None]


def list_photos(folder: Path, open_only: bool = False) -> list[PhotoRecord]:
    """The photos of a folder: by its manifest.tsv if there is one, else every image file in it.

    open_only: keep only photos whose `open_licence` column says yes.

    Raises:
        ArchiveError: the folder is missing, or holds no photo.
    """
    if not folder.is_dir():
        raise ArchiveError("the folder of photos does not exist", given=folder, remedy="Check the path")
    table = folder / TABLE
    if table.is_file():
        with table.open(newline="", encoding="utf-8") as stream:
            rows = [
                row
                for row in csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
                if not open_only or row.get("open_licence") == "yes"
            ]
        records = [
            PhotoRecord.of(
                {
                    **row,
                    "sha256": row.get("source_sha256") or row.get("sha256", ""),
                    "author": unescape(row.get("author") or ""),
                }
            )
            for row in rows
        ]
    else:
        files = sorted(f for f in folder.rglob("*") if f.suffix.lower() in PHOTO_SUFFIXES)
        records = [
            PhotoRecord.of(
                {
                    "file": f.relative_to(folder).as_posix(),
                    "sha256": sha256(f),
                    "licence": "unknown",
                    "licence_scope": "photo",
                    "title": f.stem,
                }
            )
            for f in files
        ]
    if not records:
        raise ArchiveError("there are no photos in this folder", given=folder,
                           expected="image files, or a manifest.tsv that names them")  # fmt: skip
    return records


def unescape(text: str) -> str:
    """Some sources write the bytes of UTF-8 as octal escapes, "\\303\\244" for "ä"; text that is not so stays."""
    if not re.search(r"\\[0-7]{3}", text):
        return text
    raw = re.sub(rb"\\([0-7]{3})", lambda m: bytes([int(m[1], 8) & 255]), text.encode())
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return text


def write_archive(
    folder: Path,
    records: list[PhotoRecord],
    photos: Path,
    encoder: Encoder,
    progress: Progress = lambda done, of: None,
) -> None:
    """Encode photos and write an archive that appears at `folder` only when it is complete.

    Photos that cannot be read are logged and left out. A call that stops half-way, for whatever reason, is continued by
    the next one with the same photos and models; the result is the same, byte for byte.

    Raises:
        ArchiveError: no photo could be read, the folder is in use, or it cannot be written.
    """
    if folder.exists() and not (folder / MANIFEST).exists() and any(folder.iterdir()):
        raise ArchiveError("the target is not empty and is no archive", given=folder, remedy="Choose a new folder")
    try:
        with building(folder, _key(records, encoder)) as work:
            _encode(records, photos, encoder, work, progress)
            parts, old = work.folder / "archive", work.folder / "old"
            shutil.rmtree(parts, ignore_errors=True)
            parts.mkdir()
            _write_parts(parts, work, photos, encoder)
            _replace(folder, parts, old)
    except OSError as error:
        raise ArchiveError("the archive could not be written", given=f"{folder} ({error})",
                           remedy="Check free space and permissions; nothing was changed") from error  # fmt: skip


def _key(records: list[PhotoRecord], encoder: Encoder) -> str:
    """What an archive's bytes depend on."""
    digest = hashlib.sha256(f"{FORMAT} {BATCH} {encoder.preset.name} {encoder.hash}".encode())
    for record in records:
        digest.update(repr(record).encode())
    return digest.hexdigest()


def _replace(folder: Path, new: Path, old: Path) -> None:
    """Put `new` in the place of `folder`, whose contents move to `old`; back again if that fails."""
    if folder.exists():
        shutil.rmtree(old, ignore_errors=True)  # of a run that was killed in this very place
        folder.rename(old)
    try:
        new.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise


def _encode(records: list[PhotoRecord], photos: Path, encoder: Encoder, work: Building, progress: Progress) -> None:
    """Encode what is not encoded yet, batch by batch."""
    for start in range(work.done, len(records), BATCH):
        batch, pixels = [], []
        for record in records[start : start + BATCH]:
            try:
                pixels.append(read_photo(photos / record.file))
            except PhotoError as error:
                log.warning("left out %s: %s", record.file, error)
                continue
            height, width = pixels[-1].shape[:2]
            batch.append(replace(record, width=record.width or width, height=record.height or height))
        done = min(start + BATCH, len(records))
        work.append(batch, encoder.encode_archive(pixels) if batch else None, done)
        progress(done, len(records))


def _write_parts(parts: Path, work: Building, photos: Path, encoder: Encoder) -> None:
    kept, embeddings, searched = work.records(), work.array("embedding"), work.array("retrieval")
    features, language = work.array("features"), work.array("language")
    if embeddings is None or features is None or language is None:
        raise ArchiveError("none of the photos could be read", given=photos)
    grids = {"features": list(features.shape[1:3]), "language": list(language.shape[1:3])}
    maps = {name: array.reshape(len(kept), -1, array.shape[-1])
            for name, array in (("features", features), ("language", language))}  # fmt: skip
    searched = embeddings if searched is None else searched
    _write_index(searched, parts / "index.faiss")
    small = len(kept) * min(array.shape[1] for array in maps.values()) < 40_000
    specs = {name: SMALL_CODEC if small else CODEC.format(array.shape[-1] // CHANNELS) for name, array in maps.items()}
    if encoder.names is None:
        _write_quantised(maps["language"], specs["language"], parts, "language")
    else:
        specs = {"features": SMALL_CODEC if small else MINI_CODEC, "language": "dictionary"}
        _write_words(maps["language"], encoder.names.cpu(), parts)
    _write_quantised(maps["features"], specs["features"], parts, "features")
    _write_typical(embeddings, maps["language"], parts / TYPICAL)
    write_records(kept, parts / "photos.csv.gz")
    write_manifest(parts, {
        "format": FORMAT, "preset": encoder.preset.name, "weights": encoder.hash, "photos": len(kept),
        "dimension": searched.shape[1], "grid": grids["features"], "codec": specs["features"],
        **({} if grids["language"] == grids["features"] else {"language_grid": grids["language"]}),
        "licences": dict(collections.Counter(r.licence for r in kept).most_common()),
    })  # fmt: skip


def _write_index(embeddings: np.ndarray, file: Path) -> None:
    index = faiss.IndexScalarQuantizer(embeddings.shape[1], faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
    for use in (index.train, index.add):
        use(np.ascontiguousarray(embeddings))
    faiss.write_index(index, str(file))


def _write_quantised(maps: np.ndarray, spec: str, parts: Path, name: str) -> None:
    """Learn a quantiser from a sample of positions, then code every photo: (N, positions, bytes)."""
    codec = faiss.index_factory(maps.shape[-1], spec)
    codec.train(_sample(maps))

    def code(block: np.ndarray) -> np.ndarray:
        return codec.sa_encode(np.ascontiguousarray(block, dtype=np.float32))

    _write_codes(maps, codec.sa_code_size(), code, parts / f"{name}.npy")
    faiss.write_index(codec, str(parts / f"{name}.codec"))


def _write_words(maps: np.ndarray, names: torch.Tensor, parts: Path) -> None:
    """Code every position by the names that it speaks of."""
    words = names.half().float()  # as they will be read

    def code(block: np.ndarray) -> np.ndarray:
        return dictionary.pack(torch.from_numpy(block.astype(np.float32)), words).numpy()

    _write_codes(maps, dictionary.BYTES, code, parts / "language.npy")
    save_file({"words": names.half()}, parts / DICTIONARY)


def _write_codes(maps: np.ndarray, size: int, code, file: Path) -> None:
    count, positions, channels = maps.shape
    codes = np.lib.format.open_memmap(file, mode="w+", dtype=np.uint8, shape=(count, positions, size))
    for start in range(0, count, BATCH):
        block = maps[start : start + BATCH].reshape(-1, channels)
        codes[start : start + BATCH] = code(block).reshape(-1, positions, size)
    codes.flush()


def _write_typical(embeddings: np.ndarray, maps: np.ndarray, file: Path) -> None:
    """How embeddings and language maps are distributed, before compression narrows them."""
    moments = {"photos": inference.typical(torch.from_numpy(np.array(embeddings))),
               "positions": inference.typical(torch.from_numpy(_sample(maps)))}  # fmt: skip
    save_file(
        {f"{of}.{name}": value.half() for of, moment in moments.items() for name, value in moment._asdict().items()},
        file,
    )


def _sample(maps: np.ndarray) -> np.ndarray:
    """At most `SAMPLE` positions (n, channels) float32 of maps (N, positions, channels)."""
    flat = maps.reshape(-1, maps.shape[-1])
    picked = np.sort(np.random.default_rng(0).permutation(len(flat))[:SAMPLE])
    return flat[picked].astype(np.float32)


def write_manifest(folder: Path, entries: dict) -> None:
    """Write manifest.json with the SHA-256 of every other file of the folder."""
    files = {file.name: sha256(file) for file in sorted(folder.iterdir()) if file.name != MANIFEST and file.is_file()}
    text = json.dumps({**entries, "files": files}, indent=1, ensure_ascii=False) + "\n"
    write_whole(folder / MANIFEST, text)
