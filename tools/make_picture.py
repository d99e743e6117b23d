"""Draw the README's picture, and a sheet with failures, from the program's own results.

python tools/make_picture.py docs

The photos come with scikit-image (CC0 and public domain).
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]
from panels import grid
from panels import panel as small

from reco_core.install import teach_from
from reco_core.pipeline import ReCo
from reco_core.presets import usual_method
from reco_core.utils.visualize import colour, overlay, tag
from reco_core.zeroguidance.discovery import Discoverer

HEIGHT, GAP, STRIP = 260, 8, 34
PICTURES = {
    "picture.jpg": [  # the README's
        ("chelsea", ["cat"]),
        ("coffee", ["coffee cup"]),
        ("motorcycle", ["motorcycle"]),
        ("astronaut", ["spacesuit"]),
        ("rocket", ["rocket"]),
    ],
    "overlays.jpg": [  # failures included
        ("chelsea", ["cat", "wall"]),
        ("coffee", ["coffee cup", "spoon", "table"]),
        ("motorcycle", ["motorcycle", "door"]),
        ("astronaut", ["person", "flag", "helmet"]),
        ("rocket", ["rocket", "sky"]),
        ("camera", ["person", "camera", "grass"]),
        ("coins", ["coin"]),
        ("brick", ["brick wall", "window"]),
        ("grass", ["grass", "tree"]),
        ("gravel", ["gravel", "sand"]),
        ("page", ["text", "dog"]),
        ("hubble_deep_field", ["star", "cat"]),
    ],
}
COLUMNS = 6
CROPS = ((0, 90), (40, 180), (90, 120), (60, 240), (20, 200))  # y, x of what is taught, in docs/teach.md
DISCOVERED = ("coffee", "astronaut", "motorcycle", "rocket")  # of docs/discover.md


def panel(reco: ReCo, photo: np.ndarray, names: list[str]) -> Image.Image:
    """A photo with its masks above a strip that names them."""
    method = usual_method(reco.encoder.preset)
    result = reco.segment(photo, reco.prepare(names, method=method), method=method)
    marked = Image.fromarray(overlay(photo, result.labels, len(names)))
    width = round(marked.width * HEIGHT / marked.height)
    out = Image.new("RGB", (width, HEIGHT + STRIP), "white")
    out.paste(marked.resize((width, HEIGHT), Image.Resampling.LANCZOS))
    draw, x = ImageDraw.Draw(out), 2
    font = ImageFont.load_default(18)
    for i, name in enumerate(names):
        draw.rounded_rectangle((x, HEIGHT + 10, x + 16, HEIGHT + 26), 4, fill=colour(i))
        draw.text((x + 22, HEIGHT + 7), name, fill="black", font=font)
        x += 40 + round(draw.textlength(name, font=font))
    return out


def discovered(discoverer: Discoverer, photo: np.ndarray) -> Image.Image:
    """A photo with what was discovered in it."""
    result = discoverer.discover(photo)
    told = [f"{segment.name} {segment.confidence:.0%}" for segment in result.segments]
    out = Image.fromarray(tag(overlay(photo, result.labels, len(told)), result.labels, told))
    return out.resize((round(out.width * HEIGHT / out.height), HEIGHT), Image.Resampling.LANCZOS)


def taught(reco: ReCo) -> Image.Image:
    """Five crops of one photo of a stereo pair are given, the other is asked."""
    left, right, _ = skimage.data.stereo_motorcycle()
    crops = [Image.fromarray(left[y : y + 400, x : x + 420]) for y, x in CROPS]
    method = usual_method(reco.encoder.preset)
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder) / "photos"
        photos.mkdir()
        for i, crop in enumerate(crops):
            crop.save(photos / f"{i}.png")
        own, zorbl = teach_from(reco, "zorbl", str(photos), Path(folder) / "archive", method=method)
        result = own.segment(right, own.prepare(["zorbl"], method=method, taught=[zorbl]), method=method)
    marked = Image.fromarray(overlay(right, result.labels, 1))
    asked = [small(Image.fromarray(right), '"zorbl"?'), small(marked, f"{result.presence[0]:.0%} sure")]
    return grid([[small(crop, "given") for crop in crops], asked])


def load(name: str) -> np.ndarray:
    photo = skimage.data.stereo_motorcycle()[0] if name == "motorcycle" else getattr(skimage.data, name)()
    return photo if photo.ndim == 3 else np.stack([photo] * 3, -1)


def main() -> None:
    reco, folder = ReCo.load(device="cpu"), Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for file, shown in PICTURES.items():
        sheet([panel(reco, load(name), names) for name, names in shown]).save(folder / file, quality=85)
    taught(reco).save(folder / "teach.webp", quality=80)
    discoverer = Discoverer(reco)
    sheet([discovered(discoverer, load(name)) for name in DISCOVERED]).save(folder / "discover.jpg", quality=85)


def sheet(panels: list[Image.Image]) -> Image.Image:
    """Panels of one height side by side, in as many rows as needed."""
    rows = [panels[i : i + COLUMNS] for i in range(0, len(panels), COLUMNS)]
    widths = [sum(p.width + GAP for p in row) - GAP for row in rows]
    picture = Image.new("RGB", (max(widths), panels[0].height * len(rows)), "white")
    for i, row in enumerate(rows):
        x = 0
        for p in row:
            picture.paste(p, (x, i * p.height))
            x += p.width + GAP
    return picture


if __name__ == "__main__":
    main()
