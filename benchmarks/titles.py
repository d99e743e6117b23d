"""What titles are worth: names of the archive's photos, learned without and with the titles of half of these photos.

    python benchmarks/titles.py PHOTOS [--method reco2] [--tests 4] [--json report.json]

PHOTOS: the archive's photos (`reco archive fetch`). Half of the photos of every title, by a checksum of the file's
name, are kept out: they are no exemplars. Of those, some are tests: four of different titles as quarters of a collage;
asked for each name alone, does the peak of its scores lie in its quarter (guessing: 25 %), how well does what is marked
fit an ellipse in that quarter (IoU, the other quarters' ellipses counting as wrong), and is its presence higher than in
the next collage, which has no such thing (AUROC)? Names whose text the titles replaced, since the model does not know
them, and the others are told apart. Photos and tests are from the same collections, which favours learning from titles.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import json
import sys
import time
import zlib
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from reco_core.pipeline import ReCo
from reco_core.types import Concept, PhotoRecord, References
from reco_core.utils.images import centre_crop, read_photo

SIDE = 224  # of a quarter
LEAST = 3  # photos of a title on either side


def is_out(record: PhotoRecord) -> bool:
    return bool(record.title) and zlib.crc32(record.file.encode()) % 2 == 0


def split(records: list[PhotoRecord], photos: Path) -> dict[str, list[PhotoRecord]]:
    """By title with enough photos on either side, those that are kept out."""
    sides: dict[str, tuple[list[PhotoRecord], list[PhotoRecord]]] = defaultdict(lambda: ([], []))
    for record in records:
        if record.title and (photos / record.file).is_file():
            sides[record.title.lower()][is_out(record)].append(record)
    return {title: out for title, (kept, out) in sides.items() if min(len(kept), len(out)) >= LEAST}


def collage(group: list[tuple[str, PhotoRecord]], photos: Path) -> np.ndarray:
    sheet = Image.new("RGB", (2 * SIDE, 2 * SIDE))
    for i, (_, record) in enumerate(group):
        tile = Image.fromarray(centre_crop(read_photo(photos / record.file))).resize((SIDE, SIDE))
        sheet.paste(tile, (i % 2 * SIDE, i // 2 * SIDE))
    return np.asarray(sheet)


def quarter(labels: np.ndarray, i: int) -> np.ndarray:
    top, left = i // 2 * SIDE, i % 2 * SIDE
    return labels[top : top + SIDE, left : left + SIDE]


def measure(reco: ReCo, photo: np.ndarray, asked: list[tuple[Concept, int]], around: References, method: str) -> list:
    """Per asked concept and the quarter where it is, -1 for none: peak right, IoU, presence."""
    encoded, rows = reco.encode(photo), []
    y, x = np.mgrid[:SIDE, :SIDE]
    inside = ((x - SIDE / 2) ** 2 + (y - SIDE / 2) ** 2) < (0.3 * SIDE) ** 2
    for concept, place in asked:
        background = tuple(word for word in around.background if word.name != concept.name)
        result = reco.segment(photo, References((concept,), background), method=method, encoded=encoded)
        scores = result.scores[1]
        row, column = np.unravel_index(scores.argmax(), scores.shape)
        peak = 2 * int(row >= scores.shape[0] / 2) + int(column >= scores.shape[1] / 2)
        marked = [int((quarter(result.labels, i) == 1)[inside].sum()) for i in range(4)]
        iou = marked[place] / (inside.sum() + sum(marked) - marked[place])
        rows.append((peak == place, iou, result.presence[0]))
    return rows


def auroc(there: list[float], absent: list[float]) -> float:
    pairs = np.array(there)[:, None] - np.array(absent)[None]
    return float((pairs > 0).mean() + (pairs == 0).mean() / 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--method", default="reco2")
    parser.add_argument("--tests", type=int, default=4, help="of each title, at most")
    parser.add_argument("--limit", type=int, help="so many titles only")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    reco, chance = ReCo.load(device="cpu"), np.random.default_rng(0)
    records = list(reco.archive.records)
    out = frozenset(record.file for record in records if is_out(record))
    things = dict(list(split(records, args.photos).items())[: args.limit])
    tests = [(t, things[t][i]) for t in things for i in chance.permutation(len(things[t]))[: args.tests]]
    tests = [tests[i] for i in chance.permutation(len(tests))]
    groups = [tests[i : i + 4] for i in range(0, len(tests) - 3, 4)]
    ways = {way: f"{args.method}{way}" for way in ("", "+titles")}
    around = reco.prepare(["thing"], method=args.method)
    started = time.perf_counter()
    learned = {
        way: {t: reco.prepare([t], method=m, background=(), exclude=out).concepts[0] for t in things}
        for way, m in ways.items()
    }
    print(f"{len(things)} titles, {len(groups)} collages; learned in {time.perf_counter() - started:.0f} s", flush=True)
    replaced = {t: not torch.equal(learned[""][t].text, learned["+titles"][t].text) for t in things}
    found: dict[tuple[str, bool, bool], list] = defaultdict(list)  # by way, whether replaced, whether there
    for i, group in enumerate(groups):
        photo, here = collage(group, args.photos), [title for title, _ in group]
        once = [(title, place) for place, title in enumerate(here) if here.count(title) == 1]
        asked = once + [(title, -1) for title, _ in groups[(i + 1) % len(groups)] if title not in here]
        for way, method in ways.items():
            wanted = [(learned[way][title], place) for title, place in asked]
            for (title, place), row in zip(asked, measure(reco, photo, wanted, around, method), strict=True):
                found[way, replaced[title], place >= 0].append(row)
    report = {}
    for kind in (True, False):
        count = sum(kind == replaced[title] for title in things)
        print(f"{count} names {'that titles taught' if kind else 'whose text stays'}")
        for way in ways:
            there, absent = found[way, kind, True], found[way, kind, False]
            if there and absent:
                peaks, iou, presence = zip(*there, strict=True)
                right = auroc(list(presence), [row[2] for row in absent])
                row = {"peak": float(np.mean(peaks)), "iou": float(np.mean(iou)), "presence": right, "names": count}
                report[f"{args.method}{way}, {'taught' if kind else 'known'}"] = row
                print(f"  {args.method + way:14} peak {row['peak']:.1%}  IoU {row['iou']:.3f}  presence {right:.3f}")
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
