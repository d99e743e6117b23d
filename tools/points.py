"""Everyday photos that were marked by eye at 48 points each: what scorers' constants are chosen by.

    python tools/points.py --data ../shared/data --wordnet /usr/share/wordnet --photos build/words --out FOLDER

`points.json` says what lies under each point of 136 captioned or titled photos, row by row: streets, rooms, people,
outdoors, animals, vehicles, things. They are photos that are held back (`captions.is_held_back`): no network has seen
them, and none learns from the points. "unsure" is an edge, or could not be told. The command draws the points on the
photos, to check the marks or to go on marking.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from word_photos import Words

LONG, SHORT = 8, 6  # points along the photo's sides
UNCOUNTED = ("unsure", "other")
DRAWN = 1000  # pixels of the long side


class Marked(NamedTuple):
    """photo: (H, W, 3) uint8. labels: what lies under each of `positions`."""

    kind: str
    file: str
    photo: np.ndarray
    labels: tuple[str, ...]


def positions(height: int, width: int) -> np.ndarray:
    """The points of a photo of this size, row by row: (48, 2), x and y as shares of its sides."""
    columns, rows = (LONG, SHORT) if width >= height else (SHORT, LONG)
    y, x = np.mgrid[:rows, :columns].reshape(2, -1)
    return np.stack([(x + 0.5) / columns, (y + 0.5) / rows], 1)


def read_marks() -> dict[str, dict[str, tuple[str, ...]]]:
    """kind -> file -> labels."""
    kinds = json.loads(Path(__file__).with_suffix(".json").read_text())
    return {kind: {file: tuple(said.split(", ")) for file, said in marks.items()} for kind, marks in kinds.items()}


def marked_photos(data: Words) -> Iterator[Marked]:
    """The photos that are marked."""
    row = {photo.file: i for i, photo in enumerate(data.photos)}
    for kind, marks in read_marks().items():
        for file, labels in marks.items():
            yield Marked(kind, file, data.store.photo(row[file]).permute(1, 2, 0).numpy(), labels)


def draw(marked: Marked) -> Image.Image:
    """The photo with its points and what is said of them."""
    image = Image.fromarray(marked.photo)
    scale = DRAWN / max(image.size)
    image = image.resize((round(image.width * scale), round(image.height * scale)))
    pen = ImageDraw.Draw(image)
    points = positions(*marked.photo.shape[:2]) * image.size
    for (x, y), label in zip(points, marked.labels, strict=True):
        pen.ellipse([x - 4, y - 4, x + 4, y + 4], fill="red", outline="black")
        pen.text((x + 6, y - 8), label, fill="yellow", stroke_width=2, stroke_fill="black")
    return image


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "wordnet", "photos", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for marked in marked_photos(Words(args.data, args.wordnet, args.photos)):
        draw(marked).save(args.out / f"{marked.kind}-{Path(marked.file).stem}.png")


if __name__ == "__main__":
    main()
