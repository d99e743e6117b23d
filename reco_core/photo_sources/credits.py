"""What tables say of photos: rows with columns of many names, made one."""

import csv
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any, BinaryIO
from urllib.parse import unquote

from reco_core.errors import ArchiveError
from reco_core.photo_sources.licences import YES, is_open
from reco_core.photo_sources.table_text import open_text
from reco_core.types import PhotoRecord
from reco_core.utils.photo_files import writable

# By field of PhotoRecord, the columns that may hold it: first come, first taken. Case, spaces and dashes do not matter.
COLUMNS = {
    "file": ("file", "path", "filename", "file_name", "filepath", "file_path", "image_path", "image"),
    "source_url": ("source_url", "url", "image_url", "img_url"),
    "licence": ("licence", "license", "licence_name", "license_name", "licence_url", "license_url", "rights"),
    "author": ("author", "creator", "artist", "photographer"),
    "title": ("title", "caption", "text", "description"),
    "landing_url": ("landing_url", "landing_page", "foreign_landing_url", "page_url"),
    "sha256": ("source_sha256", "sha256"),
    "width": ("width",),
    "height": ("height",),
    "licence_scope": ("licence_scope", "license_scope"),
    "open_licence": ("open_licence", "open_license"),
}
LOCAL = re.compile(r"file:(//[^/\\]*)?", re.IGNORECASE)  # how an address begins that is a file
AFFIRMED = (YES, "true", "1")
UNKNOWN = {"licence": "unknown", "licence_scope": "photo"}
PLACES = "a column of files (file, path, filename, image_path) or of addresses (url, image_url, source_url)"


def column(name: object) -> str:
    """A column's name as `COLUMNS` spells it."""
    return re.sub(r"[\s-]+", "_", str(name).strip().lower())


def is_known(name: object) -> bool:
    """Whether a column of this name is one of `COLUMNS`."""
    return any(column(name) in names for names in COLUMNS.values())


def known_fields(row: Mapping[Any, Any]) -> dict[str, str]:
    """What a row says, by the fields of PhotoRecord; what it does not say is left out.

    open_licence: "yes" or, for all else that a column of this name holds, "no".
    """
    texts = {column(name): _text(value) for name, value in row.items() if name is not None}
    found = {field: next((texts[name] for name in names if texts.get(name)), "") for field, names in COLUMNS.items()}
    found["author"] = unescape(found["author"])
    if LOCAL.match(found["source_url"]):
        found["file"], found["source_url"] = found["file"] or found["source_url"], ""
    found["file"] = _path(found["file"])
    for side in ("width", "height"):
        whole = re.fullmatch(r"([0-9]{1,9})(\.0*)?", found[side])
        found[side] = whole[1] if whole else ""
    if any(name in texts for name in COLUMNS["open_licence"]):
        found["open_licence"] = YES if found["open_licence"].lower() in AFFIRMED else "no"
    return {field: text for field, text in found.items() if text}


def is_allowed(row: Mapping[str, str]) -> bool:
    """Whether a row of `known_fields` is of an openly licensed photo: it says so itself, or else its licence is one."""
    return is_open(row.get("licence", ""), row.get("open_licence", ""))


def unescape(text: str) -> str:
    """Some sources write the bytes of UTF-8 as octal escapes, "\\303\\244" for "ä"; text that is not so stays."""
    if not re.search(r"\\[0-7]{3}", text):
        return text
    raw = re.sub(rb"\\([0-7]{3})", lambda m: bytes([int(m[1], 8) & 255]), text.encode())
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return text


def read_rows(raw: BinaryIO, name: str, separators: str, quoting: int = csv.QUOTE_MINIMAL) -> Iterator[dict[str, str]]:
    """The rows of a text table with a header, as `known_fields` reads them; separators: those that may be.

    Raises:
        ArchiveError: it is empty, no text, cannot be parsed, or no column says where photos are.
    """
    done = 0
    try:
        stream, delimiter = open_text(raw, name, separators)
        dialect: dict[str, Any] = {"delimiter": delimiter, "quoting": quoting, "skipinitialspace": True}
        reader: csv.DictReader[str] = csv.DictReader(stream, **dialect)
        check_columns(reader.fieldnames or (), name)
        for values in reader:
            if any("\0" in text for text in values.values() if isinstance(text, str)):
                raise csv.Error("a NUL byte")
            yield known_fields(values)
            done += 1
    except UnicodeDecodeError as error:
        raise ArchiveError(
            "a table of photos is not readable as text",
            given=f"{name} ({error})",
            expected="UTF-8, UTF-16 or Windows-1252",
            remedy="Save it anew in this encoding",
        ) from error
    except csv.Error as error:
        raise ArchiveError(
            "a table of photos is damaged",
            given=f"{name}, after row {done}: {error}",
            expected=f"fields without NUL and of at most {csv.field_size_limit()} characters",
            remedy="Check that all quotes are closed",
        ) from error


def check_columns(columns: Iterable[object], name: str) -> None:
    """Raise ArchiveError unless a column says where photos are."""
    names = [str(c) for c in columns]
    if not names:
        raise ArchiveError("a table of photos is empty", given=name, expected=f"a header with {PLACES}")
    if not {*COLUMNS["file"], *COLUMNS["source_url"]} & {column(name) for name in names}:
        raise ArchiveError(
            "a table does not say where its photos are",
            given=f"{name} with columns {', '.join(names)}",
            expected=PLACES,
            remedy="Rename the column; photos inside a Parquet file are read by hf:FOLDER",
        )


def with_unique_names(records: list[PhotoRecord]) -> list[PhotoRecord]:
    """The same with names that can be written and occur once: the second "a.jpg" becomes "a~2.jpg"."""
    named = [r if writable(r.file) == r.file else replace(r, file=writable(r.file)) for r in records]
    taken, seen, last = {record.file for record in named}, set(), dict[str, int]()
    for i, record in enumerate(named):
        if record.file in seen:
            path, n = PurePosixPath(record.file), last.get(record.file, 1)
            while (new := str(path.with_name(f"{path.stem}~{(n := n + 1)}{path.suffix}"))) in taken:
                pass
            last[record.file] = n
            taken.add(new)
            named[i] = replace(record, file=new)
        seen.add(named[i].file)
    return named


def _text(value: object) -> str:
    """A cell as text; nothing for what is no text or number."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.15g}" if math.isfinite(value) else ""
    if not isinstance(value, str | int):
        return ""
    return re.sub(r"[\t\r\n\0]+", " ", str(value).encode("utf-8", "replace").decode()).strip()


def _path(cell: str) -> str:
    """A file as tables name it, with slashes: Windows writes "\\", browsers and desktops "file:///a%20b.jpg"."""
    if LOCAL.match(cell):
        cell = unquote(LOCAL.sub("", cell), errors="surrogateescape")
        cell = cell[1:] if re.match(r"/[A-Za-z]:", cell) else cell
    return cell.replace("\\", "/")
