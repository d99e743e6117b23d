"""Photos packed into zips, tars and tables."""

import bz2
import csv
import gzip
import io
import lzma
import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from reco_core.photo_sources.factory import Source

TARS = {".tar": open, ".tar.gz": gzip.open, ".tgz": gzip.open, ".tar.bz2": bz2.open, ".tar.xz": lzma.open}


def pack(file: Path, members: dict[str, bytes]) -> Path:
    """A zip or tar, by its suffix."""
    if file.suffix == ".zip":
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
            for name, data in members.items():
                out.writestr(name, data)
        return file
    suffix = next(s for s in sorted(TARS, key=len, reverse=True) if file.name.endswith(s))
    with TARS[suffix](file, "wb") as raw, tarfile.open(fileobj=raw, mode="w") as out:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            out.addfile(info, io.BytesIO(data))
    return file


def table(file: Path, rows: list[dict[str, object]]) -> Path:
    if file.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), file)
        return file
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter="\t" if file.suffix == ".tsv" else ",")
        writer.writeheader()
        writer.writerows(rows)
    return file


def contents(source: Source) -> dict[str, bytes]:
    with source:
        return {record.file: source.read(i) for i, record in enumerate(source.records)}
