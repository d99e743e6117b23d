"""The folder of photos that the bundled archive is built from: the archive's, and the openly licensed ones beside them.

    python tools/archive_photos.py ../shared/data PHOTOS

Copies the photos of data/archive and those in the tars of data/archive_more to PHOTOS, with one manifest.tsv. What is
there and right stays, so a call that was stopped is continued by the next one; the table is written last.

Photos of the tars were shrunk, and nobody knows the hash of what lies at their address. So their row names the page
that shows the photo, but no address to fetch it from: what came from there would count as damaged.
"""

import csv
import hashlib
import io
import re
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from reco_core.photo_sources.fetch import TABLE
from reco_core.photo_sources.licences import YES, is_open
from reco_core.photo_sources.source import path_inside
from reco_core.utils.atomic_write import atomic_write

Row = dict[str, str]


def archive_photos(folder: Path) -> Iterator[tuple[Row, bytes]]:
    """The rows of a folder's table, each with its photo's bytes."""
    for row in _rows(folder / TABLE):
        yield row, path_inside(folder, row["file"]).read_bytes()


def more_photos(folder: Path) -> Iterator[tuple[Row, bytes]]:
    """The photos in a folder's tars with what its table says of them, as rows like those of `archive_photos`.

    Raises:
        ValueError: one is not openly licensed, or lacks its author or page.
    """
    rows = list(_rows(folder / TABLE))
    for tar in dict.fromkeys(row["tar"] for row in rows):
        with tarfile.open(path_inside(folder, tar)) as members:
            for row in (row for row in rows if row["tar"] == tar):
                member = members.extractfile(row["file"])
                if member is None:
                    raise ValueError(f"{row['file']} in {tar} is no file")
                yield _row(row, data := member.read()), data


def collect(data: Path, out: Path) -> int:
    """Bring all photos to `out`, with their table; returns how many there are."""
    rows: list[Row] = []
    for photos in (archive_photos(data / "archive"), more_photos(data / "archive_more")):
        for row, contents in photos:
            file = path_inside(out, row["file"])
            if not (file.is_file() and file.read_bytes() == contents):
                file.parent.mkdir(parents=True, exist_ok=True)
                atomic_write(file, contents)
            rows.append(row)
    columns = list(rows[0])
    lines = [columns, *([re.sub(r"[\t\r\n]+", " ", row[column]) for column in columns] for row in rows)]
    atomic_write(out / TABLE, "".join("\t".join(line) + "\n" for line in lines))
    return len(rows)


def _rows(table: Path) -> Iterator[Row]:
    with table.open(newline="", encoding="utf-8") as stream:
        yield from csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)


def _row(said: Row, data: bytes) -> Row:
    licence = said["licence_url"] or said["licence"]
    if not (is_open(licence) and said["author"] and said["url"]):
        raise ValueError(f"{said['file']} is not openly licensed by a named author, with an address: {said}")
    width, height = Image.open(io.BytesIO(data)).size
    return {
        "file": f"{Path(said['tar']).stem}/{said['file']}",
        "width": str(width),
        "height": str(height),
        "source_url": "",
        "source_sha256": hashlib.sha256(data).hexdigest(),
        "source_bytes": str(len(data)),
        "landing_url": said["url"],
        "licence": licence,
        "licence_scope": "photo",
        "open_licence": YES,
        "author": said["author"],
        "title": said["title"],
    }


if __name__ == "__main__":
    folders = [Path(argument) for argument in sys.argv[1:]]
    print(f"{collect(*folders)} photos in {folders[1]}")
