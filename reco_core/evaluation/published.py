"""Figures that papers report, to print beside ours where the protocol is the same: the rows of published.toml."""

import tomllib
from pathlib import Path

Row = tuple[str, float | None, float]  # name, accuracy and mIoU in per cent; None where a paper gives none

PUBLISHED: dict[str, tuple[Row, ...]] = {
    data: tuple((name, row.get("accuracy"), row["miou"]) for name, row in rows.items())
    for data, rows in tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")).items()
}
