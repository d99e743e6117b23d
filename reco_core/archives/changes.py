"""Archives that grow, shrink and come together: each change is done as a whole or not at all.

Stored references are dropped by every change, since what they were learned from may be gone; `pipeline.ReCo.store`
learns them again. How similarities are distributed (`typical`) stays as the first photos gave it.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from reco_core.archives.archive import Archive, ArchivePart
from reco_core.archives.arrays import open_array, write_array
from reco_core.archives.manifest import MANIFEST, Manifest, Part, add_up, changing, commit
from reco_core.archives.near_duplicates import NearDuplicates
from reco_core.archives.writer import BLOCK, EmbeddingRun, Options, RemoteEmbedder, WrittenPart, assemble, write_part
from reco_core.errors import ArchiveError
from reco_core.models.encoders import Encoder
from reco_core.photo_sources.source import Source
from reco_core.types import PhotoRecord
from reco_core.utils.run_control import RunControl

MOST_PARTS = 16  # of an archive; then the smallest become one


def add_photos(
    folder: Path,
    source: Source,
    encoder: Encoder,
    *,
    duplicates: bool = False,
    control: RunControl | None = None,
    remote: RemoteEmbedder | None = None,
) -> Part:
    """Embed photos and add them to an archive, compressed as its largest part is.

    Photos that the archive has already (near-duplicates) are left out, unless `duplicates`. A call that stopped
    half-way
    is continued by the next one with the same photos. Readers see the archive before or after. Returns what was added.

    Raises:
        ArchiveError: no such archive, made by another model, in use, or no photo is new or readable.
        Cancelled: `control` was cancelled; what is embedded is kept.
    """
    control = control or RunControl()
    with changing(folder) as work:
        archive = Archive(folder)
        archive.check_model(encoder.preset.name, encoder.hash)
        largest = max(archive.parts, key=len)
        options = Options(largest.entry.codec, duplicates)
        seen = NearDuplicates(value for part in archive.parts for value in part.records.hashes().tolist())
        known = repr([part.entry.files for part in archive.parts])
        embedding = EmbeddingRun(folder, source, encoder, options, remote, control, known)
        journal = embedding.run(largest.codecs, seen)
        taken = frozenset(record.file for record in archive.records)
        codec, precision = largest.entry.codec, largest.vectors.precision
        written = write_part(work, journal, codec, _codecs(largest), precision, control, taken)
        changed = _with(archive.manifest, (*archive.manifest.parts, written.part), written)
        commit(folder, changed, written.new)
        embedding.clean()
        _fold(folder, work)
        return written.part


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
        known = dict(archive.manifest.files)
        new: dict[str, Path] = {}
        for done, part in enumerate(archive.parts):
            control.raise_if_cancelled("removing photos was cancelled", "Nothing was removed")
            control.report("parts", done, len(archive.parts))
            leaving = np.array([unwanted(record) for record in part.records])
            gone += [part.records[row] for row in np.flatnonzero(leaving)]
            if not leaving.any():
                parts.append(part.entry)
            elif not leaving.all():
                written = gather(archive, [(part, np.flatnonzero(~leaving))], work)
                parts.append(replace(written.part, left_out=part.entry.left_out))
                known, new = {**known, **written.known}, {**new, **written.new}
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
        commit(folder, replace(_with(archive.manifest, tuple(parts)), files=known), new)
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
        typical = first.manifest.shared["typical"]
        parts: list[Part] = []
        known = {typical: first.manifest.files[typical]}
        new = {typical: _copy(first.folder / typical, work)}
        for done, archive in enumerate(archives):
            control.raise_if_cancelled("merging archives was cancelled", "Nothing was written")
            control.report("archives", done, len(archives))
            archive.check_model(first.preset, first.weights)
            hashes = [part.records.hashes().tolist() for part in archive.parts]
            for part, values in zip(archive.parts, hashes, strict=True):
                fresh = np.array([duplicates or value not in seen for value in values])
                if fresh.any():
                    written = _taken(archive, part, fresh, work)
                    parts.append(written.part)
                    known, new = {**known, **written.known}, {**new, **written.new}
            for value in (value for values in hashes for value in values):
                seen.add(value)
        commit(out, replace(first.manifest, parts=tuple(parts), shared={"typical": typical}, files=known), new)


def gather(archive: Archive, chosen: Sequence[tuple[ArchivePart, np.ndarray]], work: Path) -> WrittenPart:
    """One part from rows of parts that share their codecs; the codecs' files stay as they are."""
    model = chosen[0][0]
    count = sum(len(rows) for _, rows in chosen)
    taken = (part.vectors.take(block) for part, block in _blocks(chosen))
    file = write_array(taken, count, Path(tempfile.mkdtemp(dir=work)) / "vectors.npy")
    vectors = open_array(file)
    codes = {role: _codes(chosen, role) for role in model.codes}
    records = [part.records[row] for part, rows in chosen for row in rows]
    hashes = np.concatenate([part.records.hashes()[rows] for part, rows in chosen])
    names = _codecs(model)
    written = assemble(work, records, hashes, vectors, codes, model.entry.codec, names, (), model.vectors.precision)
    files = {name: archive.manifest.files[name] for name in names.values()}
    return replace(written, known={**written.known, **files})


def _blocks(chosen: Sequence[tuple[ArchivePart, np.ndarray]]) -> Iterator[tuple[ArchivePart, np.ndarray]]:
    for part, rows in chosen:
        for start in range(0, len(rows), BLOCK):
            yield part, rows[start : start + BLOCK]


def _codes(chosen: Sequence[tuple[ArchivePart, np.ndarray]], role: str) -> Iterator[np.ndarray]:
    for part, block in _blocks(chosen):
        yield part.read(role, block)


def _taken(archive: Archive, part: ArchivePart, fresh: np.ndarray, work: Path) -> WrittenPart:
    """A part of another archive, or those photos of it that are new, with all the files it needs."""
    if fresh.all():
        names = set(part.entry.files.values())
        written = WrittenPart(
            part.entry, archive.manifest.dimension, {}, {name: archive.manifest.files[name] for name in names}
        )
    else:
        written = gather(archive, [(part, np.flatnonzero(fresh))], work)
        names = {part.entry.files[f"{role}_codec"] for role in part.codecs}
        left_out = {**part.entry.left_out, "in another archive": int((~fresh).sum())}
        written = replace(written, part=replace(written.part, left_out=left_out))
    return replace(written, new={**written.new, **{name: _copy(archive.folder / name, work) for name in names}})


def _fold(folder: Path, work: Path) -> None:
    """When parts are many, make one of all that are compressed like the largest; that one stays as it is."""
    archive = Archive(folder)
    largest = max(archive.parts, key=len)
    small = [part for part in archive.parts if part is not largest and _codecs(part) == _codecs(largest)]
    if len(archive.parts) <= MOST_PARTS or len(small) < 2:
        return
    written = gather(archive, [(part, np.arange(len(part))) for part in small], work)
    left_out = add_up(part.entry.left_out for part in small)
    others = [part.entry for part in archive.parts if part not in small]
    parts = (*others, replace(written.part, left_out=left_out))
    commit(folder, _with(archive.manifest, parts, written), written.new)


def _codecs(part: ArchivePart) -> dict[str, str]:
    return {role: part.entry.files[f"{role}_codec"] for role in part.codecs}


def _with(manifest: Manifest, parts: tuple[Part, ...], written: WrittenPart | None = None) -> Manifest:
    """The manifest with other parts, and without references."""
    shared = {"typical": manifest.shared["typical"]}
    return replace(manifest, parts=parts, shared=shared, files={**manifest.files, **(written.known if written else {})})


def _copy(file: Path, work: Path) -> Path:
    """A file in `work`; the same bytes on disk where that is possible, since files of archives never change."""
    target = work / file.name
    if not target.exists():
        try:
            target.hardlink_to(file)
        except OSError:  # on another disk
            shutil.copyfile(file, target)
    return target
