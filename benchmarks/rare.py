"""Things that the bundled archive lacks, learned from five photos.

python benchmarks/rare.py TRAIN --out FOLDER [--rounds 2] [--method reco2]

TRAIN holds photos.tar and manifest.tsv (file, tar, title). Of every kind only photos count that were held out from
training: five are given, the others are tests. A test is a collage: the photo and three others, of other kinds and of
scenes, as quarters in random order; the question is whether the peak of the thing's scores lies in its quarter
(guessing: 25 %). Each photo is tested in so many collages. Asked of three ReCos:

    name      its name, with the bundled archive alone
    added     its name, with the five photos added to the archive
    taught    a word that no model knows ("zorbl"), taught from the five photos

Sheets of the single photos, with the same peak marked, are written for looking at.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import csv
import io
import json
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / part) for part in ("", "tools")]
from titles import Titled

from reco_core.archives.archive import Archive
from reco_core.archives.writer import write_archive
from reco_core.photo_sources.factory import open_source
from reco_core.pipeline import ReCo
from reco_core.types import References, Segmentation
from reco_core.utils.visualize import overlay

KINDS = ("Didgeridoo", "bagpipes", "dulcimer", "sitar", "concertina", "Tambourine", "alphorn", "castanets")
SCENES = ("bedroom", "street", "kitchen", "forest", "highway", "living room", "coast", "store")
TARS = ("photos.tar", "web_photos.tar")
GIVEN = 5
SIDE = 224  # of a quarter
WORD = "zorbl"


class Photos:
    """Training photos by title."""

    def __init__(self, folder: Path) -> None:
        self.tars = {tar: tarfile.open(folder / tar) for tar in TARS}  # noqa: SIM115 - open as long as we are
        with (folder / "manifest.tsv").open(newline="", encoding="utf-8") as table:
            rows = list(csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE))
        self.rows = [row for row in rows if row["tar"] in self.tars]

    def titled(self, title: str, *, unseen: bool = False) -> list[Image.Image]:
        """unseen: only those that no training saw."""
        found = [row for row in self.rows if row["title"] == title]
        return [self._open(row) for row in found if not unseen or Titled(row["file"], row["tar"], title).held_out]

    def _open(self, row: dict) -> Image.Image:
        data = self.tars[row["tar"]].extractfile(row["file"])
        return Image.open(io.BytesIO(data.read() if data else b"")).convert("RGB")


def square(photo: Image.Image) -> Image.Image:
    side = min(photo.size)
    left, top = (photo.width - side) // 2, (photo.height - side) // 2
    return photo.crop((left, top, left + side, top + side)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def collage(photo: Image.Image, others: list[Image.Image], quarter: int) -> np.ndarray:
    tiles = list(map(square, others))
    tiles.insert(quarter, square(photo))
    sheet = Image.new("RGB", (2 * SIDE, 2 * SIDE))
    for i, tile in enumerate(tiles):
        sheet.paste(tile, (i % 2 * SIDE, i // 2 * SIDE))
    return np.asarray(sheet)


def peak(result: Segmentation) -> tuple[float, float]:
    """(y, x), 0..1, of the first concept's best position."""
    scores = result.scores[1]
    y, x = np.unravel_index(scores.argmax(), scores.shape)
    return (y + 0.5) / scores.shape[0], (x + 0.5) / scores.shape[1]


def marked(photo: np.ndarray, result: Segmentation, title: str) -> Image.Image:
    picture = Image.fromarray(overlay(photo, result.labels, 1, 0.5))
    y, x = peak(result)
    draw = ImageDraw.Draw(picture)
    cx, cy = x * picture.width, y * picture.height
    draw.ellipse((cx - 7, cy - 7, cx + 7, cy + 7), outline="white", width=3)
    draw.ellipse((cx - 4, cy - 4, cx + 4, cy + 4), fill="red")
    picture.thumbnail((200, 160))
    tile = Image.new("RGB", (204, 180), "white")
    tile.paste(picture, (2, 2))
    ImageDraw.Draw(tile).text((4, 165), f"{title} {result.presence[0]:.2f}", fill="black")
    return tile


def ways(reco: ReCo, own: ReCo, kind: str, method: str) -> dict[str, References]:
    rows = range(len(reco.archive), len(own.archive))
    taught = own.teach(WORD, rows, method=method)
    return {
        "name": reco.prepare([kind], method=method),
        "added": own.prepare([kind], method=method),
        "taught": own.prepare([WORD], method=method, taught=[taught]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("train", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--method", default="reco2")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    photos, reco, chance = Photos(args.train), ReCo.load(device="cpu"), np.random.default_rng(0)
    scenes = [photos.titled(scene)[:20] for scene in SCENES]
    things = {kind: photos.titled(kind, unseen=True) for kind in KINDS}
    report: dict[str, dict[str, float]] = {}
    for kind in KINDS:
        order = chance.permutation(len(things[kind]))
        given = [things[kind][i] for i in order[:GIVEN]]
        tests = [things[kind][i] for i in order[GIVEN:]]
        with tempfile.TemporaryDirectory() as scratch:
            for i, photo in enumerate(given):
                (Path(scratch) / "photos").mkdir(exist_ok=True)
                photo.save(Path(scratch) / "photos" / f"{i}.png")
            with open_source(Path(scratch) / "photos") as source:
                write_archive(Path(scratch) / "archive", source, reco.encoder)
            own = reco.extended(Archive(Path(scratch) / "archive"))
            asked = ways(reco, own, kind, args.method)
        hits: dict[str, list[bool]] = {way: [] for way in asked}
        sheet = Image.new("RGB", (204 * len(tests), 180 * len(asked)), "white")
        others = [other for other in KINDS if other != kind]
        for t, photo in enumerate(tests):
            for _ in range(args.rounds):
                other = things[others[chance.integers(len(others))]]
                around = [other[chance.integers(len(other))]]
                around += [scenes[i][chance.integers(20)] for i in chance.choice(len(SCENES), 2, replace=False)]
                quarter = int(chance.integers(4))
                picture = collage(photo, around, quarter)
                encoded = reco.encode(picture)
                for way, references in asked.items():
                    y, x = peak(reco.segment(picture, references, method=args.method, encoded=encoded))
                    hits[way].append(2 * int(y >= 0.5) + int(x >= 0.5) == quarter)
            single = np.asarray(photo)
            alone = reco.encode(single)
            for row, (way, references) in enumerate(asked.items()):
                result = reco.segment(single, references, method=args.method, encoded=alone)
                sheet.paste(marked(single, result, way), (204 * t, 180 * row))
        sheet.save(args.out / f"{kind}.png")
        learned = Image.new("RGB", (204 * GIVEN, 180), "white")
        for i, (photo, exemplar) in enumerate(zip(given, asked["taught"].concepts[0].exemplars, strict=True)):
            crop = square(photo)
            y, x = exemplar.seed
            ImageDraw.Draw(crop).ellipse((x * SIDE - 6, y * SIDE - 6, x * SIDE + 6, y * SIDE + 6), fill="red")
            learned.paste(crop.resize((176, 176)), (204 * i, 2))
        learned.save(args.out / f"{kind}_given.png")
        report[kind] = {way: float(np.mean(hit)) for way, hit in hits.items()}
        print(kind, {way: f"{share:.0%}" for way, share in report[kind].items()}, flush=True)
        report[kind]["photos"] = len(tests)
    report["mean"] = {way: float(np.mean([row[way] for row in report.values()])) for way in ("name", "added", "taught")}
    print("mean", {way: f"{share:.0%}" for way, share in report["mean"].items()})
    (args.out / "report.json").write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
