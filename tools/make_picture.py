"""Draw the README's picture from the program's own results on public-domain photos.

python tools/make_picture.py docs/picture.jpg
"""

import sys
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from reco_core.pipeline import ReCo
from reco_core.visualise import colour, overlay

HEIGHT, GAP, STRIP = 260, 8, 34
SHOWN = (
    (skimage.data.chelsea, ["cat"]),
    (skimage.data.coffee, ["coffee cup"]),
    (lambda: skimage.data.stereo_motorcycle()[0], ["motorcycle"]),
    (skimage.data.astronaut, ["spacesuit"]),
    (skimage.data.rocket, ["rocket"]),
)


def panel(reco: ReCo, photo: np.ndarray, names: list[str]) -> Image.Image:
    """A photo with its masks above a strip that names them."""
    result = reco.segment(photo, reco.prepare(names, method="reco2"), method="reco2")
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


def main() -> None:
    reco = ReCo.load(device="cpu")
    panels = [panel(reco, load(), names) for load, names in SHOWN]
    picture = Image.new("RGB", (sum(p.width + GAP for p in panels) - GAP, HEIGHT + STRIP), "white")
    x = 0
    for p in panels:
        picture.paste(p, (x, 0))
        x += p.width + GAP
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    picture.save(target, quality=85)


if __name__ == "__main__":
    main()
