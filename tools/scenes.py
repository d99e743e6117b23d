"""Held-back captioned photos as a folder that `reco bench` measures: everyday scenes that no training saw.

    python tools/scenes.py --data ../shared/data --wordnet /usr/share/wordnet \
        --network build/words/mini.safetensors --photos build/words --out FOLDER

No pixel label exists for them. A photo's labels are what `make_masks.py` marks when it is told the words of its
captions: pixels that are sure of one word. That favours the network that marked them; it tells ways of scoring apart
that are not told the words, and shall find them among all that are asked for.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from captions import exclusive
from make_masks import MENTIONED, YES, mark
from train_words import load_student
from word_photos import Words
from wordnet import Nouns

from reco_core.utils.names import names_in

ASKED = names_in(
    "person, dog, cow, horse, bird, car, bicycle, motorcycle, boat, bus, truck, train, bottle, chair, sofa, table, "
    "bed, tv, guitar, bench, sky, grass, tree, water, sea, road, sidewalk, snow, sand, wall, floor, building, house, "
    "mountain, rock, fence, window, door"
)
IGNORED = 255


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "wordnet", "network", "photos", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    args = parser.parse_args()
    data = Words(args.data, args.wordnet, args.photos)
    network = load_student(args.network, len(data.words)).eval()
    excludes = exclusive(data.words, Nouns(args.wordnet))
    asked = [word for word in ASKED if word in data.words]
    columns = np.array([data.words.index(word) for word in asked])
    for part in ("images", "labels"):
        (args.out / part).mkdir(parents=True, exist_ok=True)
    for i in data.held_back:
        said = data.said[i].numpy()
        words = np.flatnonzero(said >= MENTIONED)
        photo = data.store.photo(i)
        maps = mark(network, photo, words, excludes)
        labels = np.full(maps.shape[1:], IGNORED, np.uint8)
        for word, own in zip(words, maps, strict=True):
            if word in columns:
                labels[own == YES] = np.flatnonzero(columns == word)[0]
        height, width = photo.shape[1:]
        full = Image.fromarray(labels).resize((width, height), Image.Resampling.NEAREST)
        Image.fromarray(photo.permute(1, 2, 0).numpy()).save(args.out / "images" / f"{i:05d}.jpg", quality=95)
        full.save(args.out / "labels" / f"{i:05d}.png")
    meta = {"classes": asked, "ignore": IGNORED}
    (args.out / "meta.json").write_text(json.dumps(meta, indent=1) + "\n")


if __name__ == "__main__":
    main()
