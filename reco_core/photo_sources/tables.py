"""Photos that a table names, by file or by address: CSV, TSV and Parquet."""

import csv
import logging
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from reco_core.errors import ArchiveError
from reco_core.photo_sources import credits
from reco_core.photo_sources.fetch import TABLE, fetch_photos
from reco_core.photo_sources.source import Files, is_file, path_inside, remedy_of
from reco_core.types import PhotoRecord
from reco_core.utils.hashing import sha256
from reco_core.utils.optional import import_optional
from reco_core.utils.paths import cache_folder
from reco_core.utils.photo_files import PHOTO_SUFFIXES, find_file
from reco_core.utils.run_control import RunControl

log = logging.getLogger(__name__)
SUFFIXES = (".csv", ".tsv", ".parquet")
WEB = ("http://", "https://")


def open_table(table: Path, open_only: bool, cache: Path | None, control: RunControl) -> Files:
    """The photos of a table: where a file is there, the file; else what its address gives, fetched now and kept.

    Relative paths start at the table and stay below its folder. Absolute ones may be anywhere; records then keep only
    what follows the folder that they share.

    Raises:
        ArchiveError: the table is damaged, has no column of files or addresses, names a file that leaves its folder,
        or none of its photos is to be had. DownloadError: no network. Cancelled: `control` was cancelled.
    """
    table = Path(os.path.abspath(table))
    rows = [(i, row) for i, row in enumerate(read_table(table), 1) if credits.is_allowed(row) or not open_only]
    placed = [photo for i, row in rows if (photo := _placed(i, row, table))]
    records = credits.with_unique_names(_below([record for record, _ in placed], table.parent))
    paths = [path for _, path in placed]
    folder = (cache or cache_folder() / "photos") / sha256(table)[:16]
    wanted = [record for record, path in zip(records, paths, strict=True) if path is None]
    failed = dict(fetch_photos(wanted, folder, control=control).failed) if wanted else {}
    found = [(r, path or folder / r.file) for r, path in zip(records, paths, strict=True) if r not in failed]
    if placed and not any(is_file(path) for _, path in found):
        raise ArchiveError(
            "none of the photos that a table names is to be had",
            given=next(iter(failed.values()), paths[0]),
            remedy=remedy_of(records[0].file, f"Correct it: relative paths start at {table.parent}"),
        )
    return Files(table, found)


def _placed(i: int, row: dict[str, str], table: Path) -> tuple[PhotoRecord, Path | None] | None:
    """A row's photo, its file still absolute, and where it is if not to be fetched; None if the row does not say."""
    file, url = row.get("file", ""), row.get("source_url", "")
    if file.lower().startswith(WEB):
        file, url = "", url or file
    try:
        address = PurePosixPath(urlsplit(url).path)
    except ValueError:
        url, address = "", PurePosixPath()
    if not file and not url:
        log.warning("row %d of %s names no photo", i, table)
        return None
    absolute = Path(file).is_absolute() and find_file(Path("/"), os.path.abspath(file).lstrip("/"))
    path = absolute or path_inside(table.parent, file)
    suffix = address.suffix.lower() if address.suffix.lower() in PHOTO_SUFFIXES else ".jpg"
    here = bool(file) and (not url or is_file(path))
    name = path.as_posix() if file and (here or path.is_relative_to(table.parent)) else f"{i:08d}{suffix}"
    record = PhotoRecord.of({**credits.UNKNOWN, **row, "file": name, "source_url": url})
    return record, path if here else None


def _below(records: list[PhotoRecord], folder: Path) -> list[PhotoRecord]:
    """Absolute paths become relative to the folder, or else to what the ones outside of it share."""
    paths = [Path(record.file) for record in records]
    outside = {path for path in paths if path.is_absolute() and not path.is_relative_to(folder)}
    shared = Path(os.path.commonpath([path.parent for path in outside])) if outside else folder
    return [
        replace(r, file=path.relative_to(shared if path in outside else folder).as_posix()) if path.is_absolute() else r
        for r, path in zip(records, paths, strict=True)
    ]


def read_table(table: Path) -> Iterator[dict[str, str]]:
    """The rows of a table, as `credits.known_fields` reads them.

    Raises:
        ArchiveError: it is damaged, or has no column of files or addresses.
    """
    if table.suffix.lower() == ".parquet":
        yield from _parquet_rows(table)
        return
    with table.open("rb") as raw:  # spreadsheets separate cells by what their country is used to
        separators = ",;\t" if table.suffix.lower() == ".csv" else "\t"
        quoting = csv.QUOTE_NONE if table.name == TABLE else csv.QUOTE_MINIMAL
        yield from credits.read_rows(raw, str(table), separators, quoting)


def _parquet_rows(table: Path) -> Iterator[dict[str, str]]:
    parquet = import_optional("pyarrow.parquet", "a Parquet table")
    try:
        with parquet.ParquetFile(table) as opened:
            schema = opened.schema_arrow
            plain = [field.name for field in schema if not field.type.num_fields and "binary" not in str(field.type)]
            credits.check_columns(plain, str(table))
            columns = [name for name in plain if credits.is_known(name)]
            for batch in opened.iter_batches(columns=columns):
                yield from map(credits.known_fields, batch.to_pylist())
    except (OSError, ValueError) as error:  # pyarrow's own errors are these
        raise ArchiveError("a table of photos is damaged", given=f"{table} ({error})", expected="Parquet") from error
