"""Draw docs/rare.md's pictures from the program's own results, and print what it answered.

    reco archive fetch --open-only --out PHOTOS
    python tools/rare_pictures.py PHOTOS docs

The archive has photos of these things. So that it lacks them, they are kept out of what a name may find (`exclude`);
five of them are given back ("added", "taught"), others are asked.
"""

import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]
from panels import grid, panel, thumbnail

from reco_core import ReCo, read_photo
from reco_core.export.answers import answer
from reco_core.utils.visualize import overlay

THINGS = ("stapler", "robot toy", "wheelchair")  # titles
GIVEN, ASKED = 5, 2
METHOD = "reco2_crf"
WAYS = ("by name", "photos added", "taught")


def story(reco: ReCo, photos: Path, title: str) -> list[list[Image.Image]]:
    """The photos that are given; then a row for each asked photo: the photo, and what each way marks."""
    rows = [row for row, record in enumerate(reco.archive.records) if record.title == title]
    asked = rows[GIVEN : GIVEN + ASKED] or rows[-1:]
    given = [row for row in rows[:GIVEN] if row not in asked]
    hidden, shown = reco.archive.files(rows), reco.archive.files(given)
    taught = reco.teach(title, given, method=METHOD)
    learned = {
        "by name": (METHOD, reco.prepare([title], method=METHOD, exclude=hidden)),
        "photos added": (f"{METHOD}+titles", reco.prepare([title], method=f"{METHOD}+titles", exclude=hidden - shown)),
        "taught": (METHOD, reco.prepare([title], method=METHOD, exclude=hidden, taught=[taught])),
    }
    drawn = [[panel(thumbnail(reco, row), "given") for row in given]]
    for row in asked:
        photo = read_photo(photos / reco.archive.records[row].file)
        line = [panel(Image.fromarray(photo), f'"{title}"?')]
        for way in WAYS:
            method, references = learned[way]
            result = reco.segment(photo, references, method=method)
            said = answer(result.presence[0], result.share(1))
            print(f"{title}, {way}: {said}, presence {result.presence[0]:.2f}, share {result.share(1):.2f}")
            line.append(panel(Image.fromarray(overlay(photo, result.labels, 1)), f"{way}: {said}"))
        drawn.append(line)
    return drawn


def evidence(reco: ReCo, name: str, count: int) -> list[Image.Image]:
    """Openly licensed photos among those that a name is learned from."""
    panels = []
    for exemplar in reco.prepare([name], method=METHOD).concepts[0].exemplars:
        if reco.archive.thumbnail(exemplar.row) and len(panels) < count:
            record = exemplar.record
            print(name, record.file, record.author, record.title, record.licence)
            panels.append(panel(thumbnail(reco, exemplar.row), record.title))
    return panels


def main() -> None:
    photos, docs = map(Path, sys.argv[1:3])
    reco = ReCo.load(device="cpu")
    for title in THINGS:
        grid(story(reco, photos, title)).save(docs / f"rare_{title.replace(' ', '_')}.webp", quality=80)
    grid([evidence(reco, "fire extinguisher", 5)]).save(docs / "rare_evidence.webp", quality=80)


if __name__ == "__main__":
    main()
