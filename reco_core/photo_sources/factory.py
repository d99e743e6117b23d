"""Where photos for an archive come from: folders, shards, tables, and datasets of the hub, opened by name."""

import logging
import os
from pathlib import Path

from reco_core.errors import ArchiveError, find
from reco_core.photo_sources import hub_dataset, shards, tables
from reco_core.photo_sources.credits import UNKNOWN, is_allowed
from reco_core.photo_sources.fetch import TABLE
from reco_core.photo_sources.source import Files, Source, is_file, path_inside
from reco_core.photo_sources.titles import WAYS
from reco_core.photo_sources.walk import summary, walk
from reco_core.types import LeftOut, PhotoRecord
from reco_core.utils.run_control import RunControl

log = logging.getLogger(__name__)
TABLES = (TABLE, "manifest.csv")  # of a folder's photos
KINDS = "a folder, .zip, .tar (.gz, .bz2, .xz), .csv, .tsv, .parquet, or hf:OWNER/NAME[:SPLIT]"


def open_source(
    what: str | Path,
    *,
    open_only: bool = False,
    titles: str = "files",
    cache: Path | None = None,
    control: RunControl | None = None,
) -> Source:
    """Photos by where they are.

    Args:
        what: a folder of photos (nested, or named by its manifest.tsv or .csv) or of shards; a zip; a tar, compressed
            or not, of WebDataset or not; a table of paths or addresses (CSV, TSV, Parquet); "hf:OWNER/NAME",
            "hf:OWNER/NAME:SPLIT" or "hf:FOLDER" for what the datasets library reads.
        open_only: leave out photos that are not openly licensed, by the column `open_licence` or else by the licence.
        titles: where photos that no table gives a title have one from, of `titles.WAYS`.
        cache: the folder for photos that are fetched; None is in the user's cache folder.
        control: told of the photos that are fetched and the shards that are listed; asked meanwhile.

    Raises:
        ArchiveError: nothing is there, of an unknown kind, damaged, or without any photo. OptionError: there is no such
        way to titles. DependencyError: an optional library is missing. DownloadError: no network. Cancelled: `control`
        was cancelled.
    """
    find(titles, WAYS, "way to titles")
    source = _open(what, open_only, cache, control or RunControl())
    source.give_titles(titles)
    if source.skipped:
        log.info("%s: %d photos; beside them %s", what, len(source.records), summary(source.skipped))
    return source


def _open(what: str | Path, open_only: bool, cache: Path | None, control: RunControl) -> Source:
    if str(what).startswith("hf:"):
        return hub_dataset.open_dataset(str(what)[3:], open_only, cache)
    path = Path(os.path.expanduser(what))
    try:
        if path.is_dir():
            return _folder(path, open_only, control)
        if not path.is_file():
            raise ArchiveError("the photos do not exist", given=what, expected=KINDS, remedy="Check the path")
        if shards.is_shard(path):
            return shards.Shards(path, [path], open_only, control)
        if path.suffix.lower() in tables.SUFFIXES:
            return tables.open_table(path, open_only, cache, control)
    except OSError as error:
        raise ArchiveError(
            "the photos cannot be read", given=f"{what} ({error})", remedy="Check the permissions"
        ) from error
    raise ArchiveError(
        "photos of an unknown kind", given=what, expected=KINDS, remedy="For single photos, give their folder"
    )


def list_photos(folder: Path, open_only: bool = False) -> list[PhotoRecord]:
    """The photos of a folder: by its manifest.tsv or .csv if there is one, else every image file in it.

    open_only: keep only photos whose `open_licence` column says yes, or without that column those with an open
    licence; of files without a table no licence is known, so none is kept.

    Raises:
        ArchiveError: the folder is missing, or holds no photo, or its table is damaged.
    """
    if not folder.is_dir():
        raise ArchiveError("the folder of photos does not exist", given=folder, remedy="Check the path")
    return _listed(folder, open_only)[0]


def _listed(folder: Path, open_only: bool) -> tuple[list[PhotoRecord], list[LeftOut]]:
    """The photos of a folder, and what was skipped."""
    skipped: list[LeftOut] = []
    if table := _table(folder):
        rows = [{**row, "file": _below(folder, row.get("file", ""))} for row in tables.read_table(table)]
    else:
        files, skipped = walk(folder)
        rows = [{**UNKNOWN, "file": file.relative_to(folder).as_posix()} for file in files]
    records = [PhotoRecord.of(row) for row in rows if row.get("file") and (is_allowed(row) or not open_only)]
    if not records:
        raise ArchiveError(
            "there are no photos in this folder" + (" with an open licence" if open_only else ""),
            given=f"{folder} ({summary(skipped)})" if skipped else folder,
            expected="image files, or a manifest.tsv that names them",
        )
    return records, skipped


def _folder(folder: Path, open_only: bool, control: RunControl) -> Source:
    parts = [] if _table(folder) else sorted(file for file in folder.iterdir() if shards.is_shard(file))
    if parts and not walk(folder).photos:
        return shards.Shards(folder, parts, open_only, control)
    if parts:
        log.warning("%s holds photos, so the %d shards beside them are left out", folder, len(parts))
    records, skipped = _listed(folder, open_only)
    return Files(folder, [(record, path_inside(folder, record.file)) for record in records], skipped)


def _below(folder: Path, file: str) -> str:
    """A file as a folder's table may name it, from the folder on; one that is elsewhere as it is named."""
    path = Path(file)
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) and is_file(path) else file


def _table(folder: Path) -> Path | None:
    return next(filter(Path.is_file, (folder / name for name in TABLES)), None)
