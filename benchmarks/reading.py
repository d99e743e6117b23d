"""How often is a segment's embedding nearest to its right name? Ways of reading segments with mini.

    python benchmarks/reading.py TRAIN [--count 60]

TRAIN is the folder of training photos; held-out ones are made into collages (tools/collages.py), whose photos have
titles.
Of each photo in a collage the segment that covers most of its middle is read, and compared with all frequent titles.
Nobody drew these segments: they come from the same clustering as in discovery, ten a collage.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]
from collages import SCENES, Picture, often, pictures

from reco_core.models.encoders import load_encoder
from reco_core.presets import MINI
from reco_core.segmentation import score_maps
from reco_core.types import Encoded
from reco_core.zeroguidance import embedding
from reco_core.zeroguidance.clustering import grow_tree, part_affinities

SEED, PARTS = 1, 10
INSIDE = 0.9  # of a segment that must lie in its photo
LEAST = 0.1  # of the photo that it must cover
OUTSIDE = (1e-9, 0.03, 0.1, 0.3, 1.0)


def segments(picture: Picture, encoded: Encoded, titles: list[str]) -> Iterator[tuple[str, np.ndarray]]:
    """Titles and the masks (H, W) that stand for them."""
    size = picture.photo.shape[:2]
    tree = grow_tree(encoded.features[0], PARTS)
    labels = score_maps.resize(part_affinities(encoded.features[0], tree.parts), size).argmax(0).numpy()
    for word, (left, top, width, height) in zip(picture.words, picture.boxes, strict=True):
        if not width or word in SCENES or word not in titles:
            continue
        whole, middle = np.zeros(size, bool), np.zeros(size, bool)
        whole[top : top + height, left : left + width] = True
        middle[top + height // 4 : top + 3 * height // 4, left + width // 4 : left + 3 * width // 4] = True
        fits = [
            mask
            for mask in (labels == part for part in range(PARTS))
            if (mask & whole).sum() >= max(INSIDE * mask.sum(), LEAST * whole.sum())
        ]
        if fits:
            yield word, max(fits, key=lambda mask: (mask & middle).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path)
    parser.add_argument("--count", type=int, default=60, help="collages of each kind")
    args = parser.parse_args()
    encoder, titles = load_encoder(MINI, "cpu"), often(args.train)
    words = encoder.embed_names(tuple(titles))
    right: dict[str, list[bool]] = {}
    for picture in pictures(args.train, args.count, seed=SEED):
        encoded = encoder.encode_photo(picture.photo)
        found = list(segments(picture, encoded, titles))
        if not found:
            continue
        masks = np.stack([mask for _, mask in found])
        covered = embedding.shares(masks, tuple(encoded.language.shape[1:3]))
        pooled = F.normalize(torch.einsum("shw,hwd->sd", covered, encoded.language[0]), dim=-1)
        ways = {"language map, pooled": pooled}
        for outside in OUTSIDE:
            embedding.OUTSIDE = outside
            ways[f"square, outside counts {outside:g}"] = embedding.embed_segments(encoder, picture.photo, masks)
        for way, said in ways.items():
            nearest = (said @ words.T).argmax(1)
            right.setdefault(way, []).extend(titles[i] == word for i, (word, _) in zip(nearest, found, strict=True))
    for way, hits in right.items():
        print(f"| {way} | {100 * np.mean(hits):.1f} % of {len(hits)} |")


if __name__ == "__main__":
    main()
