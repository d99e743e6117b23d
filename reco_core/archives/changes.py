"""Archives that grow, shrink and come together: each change is done as a whole or not at all.

Stored references are dropped by every change, since what they were learned from may be gone; `pipeline.ReCo.store`
learns them again. How similarities are distributed (`typical`) stays as the first photos gave it.
"""

import itertools
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from reco_core.archives.archive import Archive, ArchivePart
from reco_core.archives.arrays import open_array, write_array
from reco_core.archives.manifest import MANIFEST, Manifest, NewFile, Part, add_up, changing, commit
from reco_core.archives.near_duplicates import NearDuplicates
from reco_core.archives.thumbnails import NONE, OPEN
from reco_core.archives.writer import BLOCK, Compression, EmbeddingRun, Options, RemoteEmbedder, assemble, write_part
from reco_core.errors import ArchiveError
from reco_core.models.encoders import Encoder
from reco_core.photo_sources.source import Source
from reco_core.types import PhotoRecord
from reco_core.utils.photo_files import spelled
from reco_core.utils.run_control import RunControl

MOST_PARTS = 16  # of an archive; then the smallest become one


def add_photos(
    folder: Path,
    source: Source,
    encoder: Encoder,
    *,
    duplicates: bool = False,
    thumbnails: str = "",
    control: RunControl | None = None,
    remote: RemoteEmbedder | None = None,
) -> Part:
    """Embed photos and add them to an archive, compressed as its largest part is.

    Photos that the archive has already (near-duplicates) are left out, unless `duplicates`. A call that stopped
    half-way
    is continued by the next one with the same photos. Readers see the archive before or after. Returns what was added.

    thumbnails: of which photos, as in `Options`; "" is "open" if the archive has any, else "none".

    Raises:
        ArchiveError: no such archive, made by another model, in use, or no photo is new or readable.
        Cancelled: `control` was cancelled; what is embedded is kept.
    """
    control = control or RunControl()
    with changing(folder) as work:
        archive = Archive(folder)
        archive.check_model(encoder.preset.name, encoder.hash)
        largest = max(archive.parts, key=len)
        pictured = any(part.thumbnails is not None for part in archive.parts)
        options = Options(largest.entry.codec, duplicates, thumbnails or (OPEN if pictured else NONE))
        seen = NearDuplicates(value for part in archive.parts for value in part.records.hashes().tolist())
        known = repr([part.entry.files for part in archive.parts])
        embedding = EmbeddingRun(folder, source, encoder, options, remote, control, known)
        journal = embedding.run(largest.codecs, seen)
        taken = frozenset(spelled(record.file) for record in archive.records)
        added, new = write_part(work, journal, _compression(largest), control, taken, source.skipped, duplicates)
        commit(folder, _with(archive.manifest, (*archive.manifest.parts, added)), new)
        embedding.clean()
        _fold(folder, work)
        return added


def remove_photos(
    folder: Path, unwanted: Callable[[PhotoRecord], bool], *, control: RunControl | None = None
) -> list[PhotoRecord]:
    """Take photos out of an archive: nothing of theirs stays in its files. Returns their records.

    Raises:
        ArchiveError: no such archive, in use, no photo is meant, or none would be left.
        Cancelled: `control` was cancelled; nothing was removed.
    """
    control = control or RunControl()
    with changing(folder) as work:
        archive = Archive(folder)
        parts: list[Part] = []
        gone: list[PhotoRecord] = []
        new: dict[str, NewFile] = {}
        for done, part in enumerate(archive.parts):
            control.raise_if_cancelled("removing photos was cancelled", "Nothing was removed")
            control.report("parts", done, len(archive.parts))
            leaving = np.array([unwanted(record) for record in part.records])
            gone += [part.records[row] for row in np.flatnonzero(leaving)]
            if not leaving.any():
                parts.append(part.entry)
            elif not leaving.all():
                kept, files = gather([(part, np.flatnonzero(~leaving))], work)
                parts.append(replace(kept, left_out=part.entry.left_out))
                new |= files
        if not gone:
            raise ArchiveError(
                "no photo of the archive is meant",
                given=f"{len(archive)} photos",
                remedy="Look with: reco archive search",
            )
        if not parts:
            raise ArchiveError(
                "no photo would be left", given=f"{len(gone)} to remove", remedy="Delete the archive's folder instead"
            )
        commit(folder, _with(archive.manifest, tuple(parts)), new)
        return gone


def merge_archives(
    folders: Sequence[Path], out: Path, *, duplicates: bool = False, control: RunControl | None = None
) -> None:
    """Bring archives of one model together in a new one; photos that an earlier one has are left out.

    Raises:
        ArchiveError: made by different models, `out` is there already or in use, or cannot be written.
        Cancelled: `control` was cancelled; nothing was written.
    """
    control = control or RunControl()
    if (out / MANIFEST).exists():
        raise ArchiveError("there is an archive already", given=out, remedy="Choose a new folder")
    archives = [Archive(folder) for folder in folders]
    first = archives[0]
    with changing(out) as work:
        seen = NearDuplicates()
        parts: list[Part] = []
        new = _copies(first, {first.manifest.shared["typical"]}, work)
        for done, archive in enumerate(archives):
            control.raise_if_cancelled("merging archives was cancelled", "Nothing was written")
            control.report("archives", done, len(archives))
            archive.check_model(first.preset, first.weights)
            hashes = [part.records.hashes().tolist() for part in archive.parts]
            for part, values in zip(archive.parts, hashes, strict=True):
                fresh = np.array([duplicates or value not in seen for value in values])
                if fresh.any():
                    taken, files = _taken(archive, part, fresh, work)
                    parts.append(taken)
                    new |= files
            seen.add(itertools.chain(*hashes))
        commit(out, _with(first.manifest, tuple(parts)), new)


def gather(chosen: Sequence[tuple[ArchivePart, np.ndarray]], work: Path) -> tuple[Part, dict[str, NewFile]]:
    """One part from rows of parts that share their codecs, and its files; the codecs' files stay as they are."""
    model = chosen[0][0]
    count = sum(len(rows) for _, rows in chosen)
    taken = (part.vectors.take(block) for part, block in _blocks(chosen))
    file = write_array(taken, count, Path(tempfile.mkdtemp(dir=work)) / "vectors.npy")
    vectors = open_array(file)
    codes = {role: _codes(chosen, role) for role in model.codes}
    records = [part.records[row] for part, rows in chosen for row in rows]
    hashes = np.concatenate([part.records.hashes()[rows] for part, rows in chosen])
    return assemble(work, records, hashes, vectors, codes, _compression(model), _pictures(chosen))


def _blocks(chosen: Sequence[tuple[ArchivePart, np.ndarray]]) -> Iterator[tuple[ArchivePart, np.ndarray]]:
    for part, rows in chosen:
        for start in range(0, len(rows), BLOCK):
            yield part, rows[start : start + BLOCK]


def _codes(chosen: Sequence[tuple[ArchivePart, np.ndarray]], role: str) -> Iterator[np.ndarray]:
    for part, block in _blocks(chosen):
        yield part.read(role, block)


def _pictures(chosen: Sequence[tuple[ArchivePart, np.ndarray]]) -> Iterator[bytes] | None:
    """Thumbnails, if a part has any."""
    if all(part.thumbnails is None for part, _ in chosen):
        return None
    return (part.thumbnail(int(row)) for part, rows in chosen for row in rows)


def _taken(archive: Archive, part: ArchivePart, fresh: np.ndarray, work: Path) -> tuple[Part, dict[str, NewFile]]:
    """A part of another archive, or those photos of it that are new, with all the files it needs."""
    if fresh.all():
        return part.entry, _copies(archive, part.entry.files.values(), work)
    taken, new = gather([(part, np.flatnonzero(fresh))], work)
    left_out = {**part.entry.left_out, "in another archive": int((~fresh).sum())}
    return replace(taken, left_out=left_out), new | _copies(archive, _compression(part).codec_files.values(), work)


def _fold(folder: Path, work: Path) -> None:
    """When parts are many, make one of all that are compressed like the largest; that one stays as it is."""
    archive = Archive(folder)
    largest = max(archive.parts, key=len)
    codec_files = _compression(largest).codec_files
    small = [part for part in archive.parts if part is not largest and _compression(part).codec_files == codec_files]
    if len(archive.parts) <= MOST_PARTS or len(small) < 2:
        return
    folded, new = gather([(part, np.arange(len(part))) for part in small], work)
    left_out = add_up(part.entry.left_out for part in small)
    others = [part.entry for part in archive.parts if part not in small]
    commit(folder, _with(archive.manifest, (*others, replace(folded, left_out=left_out))), new)


def _compression(part: ArchivePart) -> Compression:
    codec_files = {role: part.entry.files[f"{role}_codec"] for role in part.codecs}
    return Compression(part.entry.codec, codec_files, part.vectors.precision)


def _with(manifest: Manifest, parts: tuple[Part, ...]) -> Manifest:
    """The manifest with other parts, and without references."""
    return replace(manifest, parts=parts, shared={"typical": manifest.shared["typical"]})


def _copies(archive: Archive, names: Collection[str], work: Path) -> dict[str, NewFile]:
    """Files of an archive in `work`; the same bytes on disk where that is possible, since they never change."""
    for name in names:
        if not (work / name).exists():
            try:
                (work / name).hardlink_to(archive.folder / name)
            except OSError:  # on another disk
                shutil.copyfile(archive.folder / name, work / name)
    return {name: NewFile(work / name, archive.manifest.files[name]) for name in names}
