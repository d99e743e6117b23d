"""Making an archive: photos through a model, compressed, indexed, written."""

import csv
import logging
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from safetensors.torch import save

from reco_core.archives import codecs, embedded_batches, embedding, thumbnails
from reco_core.archives.arrays import write_array
from reco_core.archives.build_journal import BuildJournal
from reco_core.archives.codecs import MAPS, Codec
from reco_core.archives.embedded_batches import StoredBatch
from reco_core.archives.manifest import FORMAT, Manifest, NewFile, Part, changing, commit, name_by_contents
from reco_core.archives.near_duplicates import Looks, NearDuplicates, largest
from reco_core.archives.records import write_records
from reco_core.archives.thumbnails import write_thumbnails
from reco_core.archives.vectors import write_vectors
from reco_core.errors import ArchiveError, OptionError
from reco_core.models.encoders import Encoder
from reco_core.photo_sources.source import Source
from reco_core.segmentation.background_stats import background_stats
from reco_core.types import LeftOut, PhotoRecord
from reco_core.utils.hashing import digest
from reco_core.utils.photo_files import spelled
from reco_core.utils.run_control import RunControl

log = logging.getLogger(__name__)
LEARN = 8192  # photos that codecs are learned from, spread over the source
DUPLICATE = "near-duplicate"  # as a reason
BLOCK = 1024  # photos whose codes are copied at a time
# Fills a folder with a StoredBatch for each start in some other way than here, one after the other, its maps coded
# unless there are no codecs yet: (source, encoder, codecs, folder, starts, control, which photos get thumbnails)
RemoteEmbedder = Callable[[Source, Encoder, dict[str, Codec] | None, Path, Sequence[int], RunControl, str], None]


@dataclass(frozen=True)
class Options:
    """How an archive is made.

    dense: "fine" (a byte a channel), "compact" (a thirtieth of it for mini; embeddings with a byte a channel) or
    "none". duplicates: keep near-duplicates too. thumbnails: of which photos, "none", "open" (those that are openly
    licensed) or "all".
    """

    dense: str = "fine"
    duplicates: bool = False
    thumbnails: str = thumbnails.NONE


@dataclass(frozen=True)
class Compression:
    """How photos of a part are stored.

    codec: of dense features. codec_files: role -> name of the file that decodes it. precision: of embeddings.
    """

    codec: str
    codec_files: Mapping[str, str]
    precision: str


def write_archive(
    folder: Path,
    source: Source,
    encoder: Encoder,
    options: Options = Options(),
    *,
    control: RunControl | None = None,
    remote: RemoteEmbedder | None = None,
) -> None:
    """Embed photos and write an archive, which appears at `folder` (or replaces the one there) only when it is
    complete.

    Photos that cannot be read, and near-duplicates of larger ones, are left out and listed. A call that stops
    half-way,
    for whatever reason, is continued by the next one with the same photos, models and options; the result is the
    same, byte for byte.

    remote: lets other processes embed.

    Raises:
        ArchiveError: no photo could be read, the folder is in use, or it cannot be written.
        Cancelled: `control` was cancelled; what is embedded is kept.
    """
    if options.dense not in codecs.DENSE:
        expected = ", ".join(codecs.DENSE)
        raise OptionError("unknown way to store dense features", given=options.dense, expected=expected)
    control = control or RunControl()
    with changing(folder) as work:
        embedded = EmbeddingRun(folder, source, encoder, options, remote, control)
        learned = embedded.learn()
        journal = embedded.run(learned, NearDuplicates())
        files = {f"{role}_codec": codec.save(work / role) for role, codec in learned.items()}
        shared = name_by_contents({**files, "typical": embedded.typical(work / "typical.safetensors")})
        compression = Compression(
            learned["features"].spec if learned else codecs.NONE,
            {role: shared[f"{role}_codec"].path.name for role in learned},
            "int8" if options.dense == "compact" else "fp16",
        )
        part, new = write_part(
            work, journal, compression, control, skipped=source.skipped, duplicates=options.duplicates
        )
        grid, language_grid = ((maps.shape[1], maps.shape[2]) for maps in embedded.maps.values())
        typical = {"typical": shared["typical"].path.name}
        preset, dimension = encoder.preset.name, embedded.dimension
        manifest = Manifest(preset, encoder.hash, dimension, grid, language_grid, (part,), typical, {})
        commit(folder, manifest, {**new, **{file.path.name: file for file in shared.values()}})
        embedded.clean()


@dataclass
class EmbeddingRun:
    """Photos of a source on their way into an archive; what is done is kept in `.NAME-building` beside it.

    known: what else the result depends on.
    """

    archive: Path
    source: Source
    encoder: Encoder
    options: Options
    remote: RemoteEmbedder | None
    control: RunControl
    known: str = ""

    def __post_init__(self) -> None:
        """Raises OptionError: an unknown choice of thumbnails."""
        thumbnails.which(self.options.thumbnails)
        archive, model = self.archive.absolute(), self.encoder.preset.name
        key = [
            FORMAT,
            embedding.LOOKS,
            embedding.BATCH,
            LEARN,
            model,
            self.encoder.hash,
            self.source.key,
            self.options,
            self.known,
        ]
        self.folder = archive.parent / f".{archive.name}-building"
        self.journal = BuildJournal(self.folder, digest(repr(key)))
        self.batches = self.folder / "batches"
        self.batches.mkdir(exist_ok=True)
        self.starts = range(0, len(self.source.records), embedding.BATCH)

    def learn(self) -> dict[str, Codec]:
        """Codecs for the maps, from photos spread over the source; these are embedded first, and once."""
        count = min(len(self.starts), LEARN // embedding.BATCH)
        self.learning = [self.starts[i * len(self.starts) // count] for i in range(count)]
        missing = self._missing(self.learning, None)
        ahead = len(self.learning) - len(missing)
        for i, batch in enumerate(self._embed(missing), 1):
            batch.save(self.batches)
            self._report(min((ahead + i) * embedding.BATCH, len(self.source.records)))
        raw = self._raw()
        if not raw:
            raise ArchiveError(
                "none of the photos could be read",
                given=f"{len(self.source.records)} photos",
                expected="JPEG, PNG, WebP, HEIC, AVIF, BMP, GIF or TIFF files",
            )
        self.photo_embeddings, self.dimension = raw.get("whole", raw["embedding"]), raw["embedding"].shape[1]
        self.maps = {role: raw[role] for role in MAPS}
        names = None if self.encoder.names is None else self.encoder.names.cpu()
        return {} if self.options.dense == codecs.NONE else codecs.learn(self.maps, names, self.options.dense)

    def run(self, learned: dict[str, Codec], seen: NearDuplicates) -> BuildJournal:
        """Embed all photos that are not yet, compress them, leave near-duplicates of `seen` and of each other out."""
        journal = self.journal
        todo = [start for start in self.starts if start >= journal.done]
        missing = self._missing(todo, learned)
        looks = Looks(seen)
        for look in zip(*(journal.array(name).tolist() for name in embedding.LOOKS if journal.count), strict=True):
            looks.add(*look)
        fresh, to_embed = self._embed(missing), set(missing)
        for start in todo:
            stored = next(fresh) if start in to_embed else embedded_batches.load(self.batches, start)
            if stored is None:
                file = embedded_batches.batch_file(self.batches, start)
                file.unlink()
                raise ArchiveError(
                    "what was embedded before is damaged", given=file, remedy="Give the same command again"
                )
            self._append(stored.compressed(learned), looks)
            self._report(stored.done)
        if not journal.count:
            given = f"{journal.done} photos, {len(journal.left_out())} left out"
            self.clean()  # there is nothing to go on with
            raise ArchiveError("no photo is new", given=given, expected="readable photos that the archive lacks")
        return journal

    def _append(self, stored: StoredBatch, looks: Looks) -> None:
        kept, left_out = [], list(stored.left_out)
        for i, record in enumerate(stored.records):
            look = [int(stored.arrays[name][i]) for name in embedding.LOOKS]
            if not self.options.duplicates and not looks.is_new(*look):
                left_out.append(LeftOut(record.file, DUPLICATE))
                continue
            looks.add(*look)
            kept.append(i)
        arrays = {name: array[kept] for name, array in stored.arrays.items() if name != "whole"}
        self.journal.append(stored.done, [stored.records[i] for i in kept], arrays, left_out)
        for entry in left_out:
            log.info("left out %s: %s", entry.file, entry.reason)

    def typical(self, file: Path) -> Path:
        """Write how embeddings and language maps are distributed, before compression narrows them."""
        moments = {"photos": self.photo_embeddings, "positions": codecs.sample(self.maps["language"])}
        tensors: dict[str, torch.Tensor] = {}
        for of, values in moments.items():
            moment = background_stats(torch.from_numpy(np.array(values)))
            tensors |= {f"{of}.{name}": value.half() for name, value in moment._asdict().items()}
        file.write_bytes(save(tensors))
        return file

    def clean(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _embed(self, starts: Sequence[int]) -> Iterator[StoredBatch]:
        return embedding.embed(self.source, self.encoder, starts, pictured=self.options.thumbnails)

    def _report(self, done: int) -> None:
        self.control.raise_if_cancelled("building the archive was cancelled", "What is embedded is kept")
        self.control.report("embedding photos", done, len(self.source.records))

    def _missing(self, starts: Sequence[int], learned: dict[str, Codec] | None) -> list[int]:
        """The batches that are not there yet, after others had their chance to make them."""

        def missing() -> list[int]:
            return [start for start in starts if not embedded_batches.is_stored(self.batches, start)]

        if self.remote and (todo := missing()):
            pictured = self.options.thumbnails
            self.remote(self.source, self.encoder, learned, self.batches, todo, self.control, pictured)
        return missing()

    def _raw(self) -> dict[str, np.ndarray]:
        """The arrays of all learning photos, in files rather than in memory; none if no photo was readable."""
        shapes: dict[str, tuple[np.dtype, tuple[int, ...]]] = {}
        for start in self.learning:
            stored = embedded_batches.load(self.batches, start)
            for name, array in stored.arrays.items() if stored and stored.records else ():
                if name == "thumbnail":  # nothing is learned from them
                    continue
                with (self.folder / f"raw-{name}").open("ab" if name in shapes else "wb") as out:
                    out.write(array.tobytes())
                shapes[name] = (array.dtype, array.shape[1:])
        return {
            name: np.memmap(self.folder / f"raw-{name}", kind, "r").reshape(-1, *shape)
            for name, (kind, shape) in shapes.items()
        }


def write_part(
    work: Path,
    journal: BuildJournal,
    compression: Compression,
    control: RunControl,
    taken: frozenset[str] = frozenset(),
    skipped: Sequence[LeftOut] = (),
    duplicates: bool = False,
) -> tuple[Part, dict[str, NewFile]]:
    """A part from everything that was embedded, and its files.

    taken: spelled names of photos that the archive has. skipped: what the source left out.
    duplicates: near-duplicates are kept; otherwise the largest of each.
    """
    everything = journal.records()
    rows = np.arange(journal.count) if duplicates else largest(journal.array("hash"), journal.array("colours"))
    codes = {role: _blocks(journal.array(role), rows) for role in compression.codec_files}
    records = [_named(everything[row], taken) for row in rows]
    vectors, hashes = (journal.array(name) for name in ("embedding", "hash"))
    smaller = [LeftOut(everything[row].file, DUPLICATE) for row in sorted({*range(journal.count)} - {*rows.tolist()})]
    if smaller:
        vectors, hashes = vectors[rows], hashes[rows]
    left_out = [*journal.left_out(), *smaller, *skipped]
    pictures = (
        map(thumbnails.decode, (journal.array("thumbnail")[row] for row in rows)) if "thumbnail" in journal else None
    )
    return assemble(work, records, hashes, vectors, codes, compression, pictures, left_out, control)


def _named(record: PhotoRecord, taken: frozenset[str]) -> PhotoRecord:
    """Another photo of the same name gets one of its own."""
    if spelled(record.file) not in taken:
        return record
    file = PurePosixPath(record.file)
    return replace(record, file=str(file.with_name(f"{file.stem}~{record.sha256[:12]}{file.suffix}")))


def assemble(
    work: Path,
    records: Sequence[PhotoRecord],
    hashes: np.ndarray,
    vectors: np.ndarray,
    codes: Mapping[str, Iterator[np.ndarray]],
    compression: Compression,
    pictures: Iterable[bytes] | None = None,
    left_out: Sequence[LeftOut] = (),
    control: RunControl | None = None,
) -> tuple[Part, dict[str, NewFile]]:
    """Write a part's files into `work`, which is on the archive's disk: the part, and its files by name.

    vectors: (N, D) float32. codes: role -> blocks (n, positions, bytes), N in all. pictures: N thumbnails, b"" for
    none; None if no photo has one.
    """
    folder = Path(tempfile.mkdtemp(dir=work))
    found = write_vectors(vectors, folder, precision=compression.precision, control=RunControl(parent=control))
    files = dict(found.files)
    for role, blocks in codes.items():
        files[role] = write_array(blocks, len(records), folder / f"{role}.npy")
    files["photos"] = folder / "photos.zip"
    write_records(records, hashes, files["photos"])
    if pictures is not None:
        files |= write_thumbnails(pictures, folder)
    if left_out:
        files["left_out"] = folder / "left_out.tsv"
        with files["left_out"].open("w", encoding="utf-8", errors="replace", newline="") as stream:
            rows = csv.writer(stream, delimiter="\t", lineterminator="\n")
            rows.writerows([("file", "reason"), *map(astuple, left_out)])
    named = name_by_contents(files)
    names = {role: file.path.name for role, file in named.items()}
    names |= {f"{role}_codec": name for role, name in compression.codec_files.items()}
    licences = dict(Counter(record.licence for record in records).most_common())
    reasons = dict(Counter(entry.reason.partition(":")[0] for entry in left_out))
    part = Part(len(records), names, compression.codec, licences, found.recall, reasons)
    return part, {file.path.name: file for file in named.values()}


def _blocks(codes: np.ndarray, rows: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), BLOCK):
        yield codes[rows[start : start + BLOCK]]
