"""Photos with known content that no pixel label was drawn for: held-out training photos, alone and side by side.

    python tools/collages.py ../shared/data/train FOLDER

writes a folder that `reco bench FOLDER` measures: what constants are chosen by, so that labelled
sets need not be looked at. Half of the photos are scenes, since about half of most photos is background. A third of
the pictures are single photos, a third collages of four, a third have one photo
pasted small upon another. Labels are titles: an ellipse inside each photo counts as its thing, scenes
count as background, all else is not counted. That is rough, but the same for all methods.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from titles import pixels, titled_photos

SCENES = {
    "street",
    "mountain",
    "building",
    "city",
    "sea",
    "coast",
    "field",
    "forest",
    "suburb",
    "highway",
    "office",
    "living room",
    "factory",
    "skyscraper",
    "glacier",
    "tobacco shop",
    "bookshop",
    "stage",
    "store",
}
LEAST = 8  # photos of a title that is asked for
WIDTH, HEIGHT, SIDE = 448, 336, 448  # of pasted pictures; of collages of four
THUMB = 448
IGNORED = 255
NOWHERE = (0, 0, 0, 0)


@dataclass(frozen=True)
class Picture:
    """kind: "single", "four" or "pasted". words: the titles that are in it. boxes: of each, (left, top, width,
    height).
    """

    kind: str
    photo: np.ndarray
    words: tuple[str, ...]
    boxes: tuple[tuple[int, int, int, int], ...]


def cover(photo: np.ndarray, width: int, height: int) -> Image.Image:
    """A photo scaled and cropped to fill a box."""
    image = Image.fromarray(photo)
    ratio = max(width / image.width, height / image.height)
    image = image.resize((max(width, round(image.width * ratio)), max(height, round(image.height * ratio))))
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def pictures(folder: Path, count: int, seed: int = 0, scenes: float | None = None) -> Iterator[Picture]:
    """`count` pictures of each kind, the same for the same seed. scenes: their share; by default as it is."""
    chosen = [photo for photo in titled_photos(folder) if photo.held_out]
    small = {}
    for i, photo in pixels(folder, chosen):
        image = Image.fromarray(photo)
        image.thumbnail((THUMB, THUMB))
        small[i] = np.asarray(image)
    random = np.random.default_rng(seed)
    chance = None
    if scenes is not None:
        is_scene = np.array([photo.word in SCENES for photo in chosen])
        chance = np.where(is_scene, scenes / is_scene.mean(), (1 - scenes) / (1 - is_scene.mean()))
        chance /= chance.sum()
    alone = random.permutation(len(chosen)) if chance is None else random.choice(len(chosen), count, False, chance)
    for i in alone[:count]:
        height, width = small[i].shape[:2]
        yield Picture("single", small[i], (chosen[i].word,), ((0, 0, width, height),))
    for _ in range(count):
        four, half = random.choice(len(chosen), 4, replace=False, p=chance), SIDE // 2
        image, boxes = Image.new("RGB", (SIDE, SIDE)), []
        for place, i in enumerate(four):
            boxes.append((place % 2 * half, place // 2 * half, half, half))
            image.paste(cover(small[i], half, half), boxes[-1][:2])
        yield Picture("four", np.asarray(image), tuple(chosen[i].word for i in four), tuple(boxes))
    for _ in range(count):
        below, above = random.choice(len(chosen), 2, replace=False, p=chance)
        image, side = cover(small[below], WIDTH, HEIGHT), int(HEIGHT * random.uniform(0.25, 0.65))
        box = (int(random.integers(0, WIDTH - side)), int(random.integers(0, HEIGHT - side)), side, side)
        image.paste(cover(small[above], side, side), box[:2])
        words = (chosen[above].word, chosen[below].word)
        yield Picture("pasted", np.asarray(image), words, (box, NOWHERE))


def often(folder: Path) -> list[str]:
    """Titles of enough held-out photos to be asked for."""
    counts = Counter(photo.word for photo in titled_photos(folder) if photo.held_out)
    return sorted(word for word, count in counts.items() if count >= LEAST)


def label_map(picture: Picture, values: dict[str, int]) -> np.ndarray:
    """An ellipse of six tenths of each photo has its title's value, 0 for scenes; the rest is IGNORED."""
    out = np.full(picture.photo.shape[:2], IGNORED, np.uint8)
    y, x = np.mgrid[: out.shape[0], : out.shape[1]]
    for word, (left, top, width, height) in zip(picture.words, picture.boxes, strict=True):
        if width and (word in SCENES or word in values):
            inside = ((x - left - width / 2) / (0.3 * width)) ** 2 + ((y - top - height / 2) / (0.3 * height)) ** 2 < 1
            out[inside] = 0 if word in SCENES else values[word]
    return out


def main() -> None:
    source, folder = Path(sys.argv[1]), Path(sys.argv[2])
    words = [word for word in often(source) if word not in SCENES]
    values = {word: i for i, word in enumerate(words, 1)}
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for i, picture in enumerate(pictures(source, 100, scenes=0.5)):
        Image.fromarray(picture.photo).save(folder / "images" / f"{i:04d}.jpg", quality=92)
        Image.fromarray(label_map(picture, values)).save(folder / "labels" / f"{i:04d}.png")
    meta = {"classes": ["background", *words], "background": 0, "ignore": IGNORED}
    (folder / "meta.json").write_text(json.dumps(meta, indent=1) + "\n")


if __name__ == "__main__":
    main()
