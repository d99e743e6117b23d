"""Draw docs/method.md's pictures from the program's own results, and print whose photos they show.

    python tools/method_pictures.py docs

The photo that is asked comes with scikit-image (CC0); those of the archive are its own small pictures.
"""

import sys
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]
from panels import grid, panel, thumbnail

from reco_core import ReCo
from reco_core.types import Concept
from reco_core.utils.visualize import heat, overlay

NAME, SHOWN = "motorcycle", 5
SHORT = {"Looks like the photos it learned from": "looks like them", "Sounds like the name": "sounds like it"}


def exemplars(reco: ReCo, concept: Concept) -> list[list[Image.Image]]:
    """The photos that a name finds, then the same with the place that it is learned from."""
    found, marked = [], []
    for exemplar in concept.exemplars:
        if len(found) < SHOWN and reco.archive.thumbnail(exemplar.row):
            print(exemplar.record.file, exemplar.record.author, exemplar.record.licence)
            picture = thumbnail(reco, exemplar.row).convert("RGB")
            found.append(panel(picture, "found by name"))
            (y, x), radius = exemplar.seed, picture.width / 18
            x, y = x * picture.width, y * picture.height
            box = (x - radius, y - radius, x + radius, y + radius)
            ImageDraw.Draw(picture).ellipse(box, fill="#ff3b30", outline="white", width=2)
            marked.append(panel(picture, "learned from here"))
    return [found, marked]


def decided(reco: ReCo, photo: np.ndarray) -> list[list[Image.Image]]:
    """What the paper's method says of each place of the photo, and what ours makes of it."""
    references = reco.prepare([NAME], method="reco")
    maps = reco.explain(photo, references, 1, method="reco")
    rows = [[panel(Image.fromarray(photo), "the photo")]]
    rows[0] += [panel(Image.fromarray(heat(values)), SHORT.get(title, title).lower()) for title, values in maps.items()]
    line = []
    for method in ("reco", "reco2", "reco2_crf"):
        result = reco.segment(photo, reco.prepare([NAME], method=method), method=method)
        print(method, f"presence {result.presence[0]:.2f}, share {result.share(1):.2f}")
        line.append(panel(Image.fromarray(overlay(photo, result.labels, 1)), method))
    return [*rows, line]


def main() -> None:
    docs, reco = Path(sys.argv[1]), ReCo.load(device="cpu")
    concept = reco.prepare([NAME], method="reco").concepts[0]
    grid(exemplars(reco, concept)).save(docs / "method_learn.webp", quality=80)
    grid(decided(reco, skimage.data.stereo_motorcycle()[0][:, 120:620])).save(docs / "method_decide.webp", quality=80)


if __name__ == "__main__":
    main()
