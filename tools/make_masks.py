"""Mark training photos with the words that are listed of them: what a network learns its next masks from.

    python tools/make_masks.py --data ../shared/data --wordnet /usr/share/wordnet --photos build/words \
        --network build/words/mini.safetensors --out build/masks

Weak supervision's classical loop (seed, expand, constrain). Of a photo that has a scene (`scenes.tsv`) it is known what
is in it, and roughly in which order of size. The network's log-odds of those words at every position, averaged over the
photo and its mirror image and over positions that look alike, compete; a word that gets less of the photo than one
behind it in the list, or nearly none, is raised until it does not. A pixel has a word where no other comes near, and
lacks it where another is surely ahead; all else is left open.

Writes OUT/masks.u8 and OUT/masks.json: for every photo of `word_photos.Words` its words and their maps, (n, h, w) on
about every eighth pixel: 0 no, 1 yes, 255 open.
"""

import argparse
import json
import logging
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms.v2 import functional as TF

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from captions import OF_BUILDINGS, UNMARKED, covering
from photo_store import MEAN, STD
from scenes import Scene
from word_network import load_student
from word_photos import Words
from wordnet import Nouns

from reco_core.models.mini_vit import MiniNetwork
from reco_core.segmentation import score_maps
from reco_core.utils.atomic_write import atomic_write

log = logging.getLogger("make_masks")
SHAPES = ((256, 256), (256, 336), (336, 256))
BATCH = 32
YES, NO, OPEN = 1, 0, 255
PLAIN = "plain"  # a background without things: no word, but it takes part
EVERYWHERE = 0.3  # share of a word's mean over the photo that is taken away
AFFINITY = (3.0, 1.2)  # gain and shift: how much positions that look alike count
LEAST, ORDER = 0.01, 0.6  # of the photo, that a word has at least; of what any word behind it has
STEP, ROUNDS, SHARP = 0.25, 40, 0.5  # of raising: log-odds, times at most, temperature of shares
AHEAD, BEHIND = 0.6, 1.4  # log-odds above the best other word, from which a pixel has a word, or lacks it


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with archive/, captions/ and train/")
    parser.add_argument("--wordnet", type=Path, required=True, help="folder with WordNet 3.0's data.noun")
    parser.add_argument("--photos", type=Path, required=True, help="folder of the decoded photos")
    parser.add_argument("--network", type=Path, required=True, help="mini.safetensors of tools/train_words.py")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    args.out.mkdir(parents=True, exist_ok=True)
    data = Words(args.data, args.wordnet, args.photos)
    network = load_student(args.network, data.words).eval()
    mark_all(Marker(network, data, Nouns(args.wordnet)), data, args.out)


class Marker:
    """Marks photos with the words of their scenes. covers: of every word, the columns of what it is a kind of."""

    def __init__(self, network: MiniNetwork, data: Words, nouns: Nouns) -> None:
        self.network, self.data = network, data
        self.covers = [set(covering(word, data.column, nouns)) for word in data.words]

    @torch.inference_mode()
    def look(self, rows: list[int], shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Photos, squeezed to a shape -> log-odds of words (B, W, h, w) and keys (B, h, w, C) of norm 1."""
        photos = torch.stack([TF.resize(self.data.store.photo(row), list(shape), antialias=True) for row in rows])
        images = (photos.float() / 255 - MEAN) / STD
        with torch.autocast("cpu", torch.bfloat16):
            seen, mirrored = self.network(images), self.network(images.flip(-1))
        maps = (seen.patches.words.float() + mirrored.patches.words.float().flip(-2)) / 2
        return maps.permute(0, 3, 1, 2), F.normalize(seen.keys.float(), dim=-1)

    def mark(self, maps: Tensor, keys: Tensor, scene: Scene) -> tuple[np.ndarray, np.ndarray]:
        """The words (n,) that are marked in a photo, and their maps (n, 2 h, 2 w) uint8. maps: (W, h, w)."""
        sure, unsure = self._competing(scene)
        words = [word for word in (*sure, *unsure) if word != PLAIN]
        if len(sure) + len(unsure) <= 1 or not words:
            return np.zeros(0, int), np.zeros((0, 1, 1), np.uint8)
        columns = self.data.columns(words)
        own = maps[columns]
        own = own - EVERYWHERE * own.mean((1, 2), keepdim=True)
        own = score_maps.smooth(own, score_maps.affinity(keys, *AFFINITY))
        if len(words) < len(sure) + len(unsure):
            at = (*sure, *unsure).index(PLAIN)
            flat = own.mean().expand(own[:1].shape)
            own = torch.cat([own[:at], flat, own[at:]])
            columns.insert(at, -1)
        scores = raise_small(own, len(sure))
        fine = F.interpolate(scores[None], scale_factor=2, mode="bilinear")[0]
        rivals = torch.tensor([[not self._related(a, b) for b in columns] for a in columns])
        marks = decide(fine, rivals, len(sure))
        kept = np.flatnonzero(np.array(columns) >= 0)
        return self._with_kinds(np.array(columns)[kept], marks[kept].numpy())

    def _competing(self, scene: Scene) -> tuple[list[str], list[str]]:
        """Words of a scene that have pixels of their own."""
        listed = {*scene.sure, *scene.unsure}
        away = UNMARKED | (OF_BUILDINGS if "building" in listed else frozenset())
        seen: set[int] = set()
        out: tuple[list[str], list[str]] = ([], [])
        for words, found in zip((scene.sure, scene.unsure), out, strict=True):
            for word in words:
                column = (self.data.columns((word,)) or [-1])[0]
                if word == PLAIN or (column >= 0 and self.data.words[column] not in away and column not in seen):
                    seen.add(column)
                    found.append(word)
        return out

    def _related(self, a: int, b: int) -> bool:
        """Whether one word is a kind of the other, or the same. -1: no word."""
        return a == b or (a >= 0 and b in self.covers[a]) or (b >= 0 and a in self.covers[b])

    def _with_kinds(self, columns: np.ndarray, marks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Words that stand above marked ones (animal) have the marks of their kinds."""
        above = sorted(set().union(*(self.covers[column] for column in columns)) - set(columns))
        more = []
        for word in above:
            kinds = marks[[word in self.covers[column] for column in columns]]
            own = np.full(marks.shape[1:], OPEN, np.uint8)
            own[(kinds == NO).all(0)], own[(kinds == YES).any(0)] = NO, YES
            more.append(own)
        if not more:
            return columns, marks
        return np.concatenate([columns, above]), np.concatenate([marks, np.stack(more)])


def raise_small(scores: Tensor, sure: int) -> Tensor:
    """Scores (K, h, w), the first `sure` listed by size: raised where a word has less than one behind it."""
    extra = torch.zeros(len(scores))
    for _ in range(ROUNDS):
        shares = ((scores + extra[:, None, None]) / SHARP).softmax(0).mean((1, 2))  # (K,)
        behind = shares[:sure].flip(0).cummax(0).values.flip(0)[1:]
        wanted = torch.full((sure,), LEAST)
        wanted[:-1] = torch.maximum(wanted[:-1], ORDER * behind)
        small = shares[:sure] < wanted
        if not small.any():
            break
        extra[:sure][small] += STEP
    return scores + extra[:, None, None]


def decide(scores: Tensor, rivals: Tensor, sure: int) -> Tensor:
    """Scores (K, h, w) at pixels -> yes, no or open, (K, h, w) uint8. Words of which the list is unsure are never no.

    rivals: (K, K) bool, words of which a pixel has one. A word without rivals is left open.
    """
    out = torch.full(scores.shape, OPEN, dtype=torch.uint8)
    for i, others in enumerate(rivals):
        if others.any():
            ahead = scores[i] - scores[others].amax(0)
            out[i][ahead > AHEAD] = YES
            out[i][ahead < -BEHIND] = NO if i < sure else OPEN
    return out


def mark_all(marker: Marker, data: Words, out: Path) -> None:
    """Mark every photo that has a scene and is not held back."""
    rows = [int(row) for row in data.groups[0]]
    aspects = np.array([np.log(data.store.sizes[row][0] / data.store.sizes[row][1]) for row in rows])
    shape_of = np.abs(aspects[:, None] - np.log([h / w for h, w in SHAPES])).argmin(1)
    found: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    for kind, shape in enumerate(SHAPES):
        same = [row for row, own in zip(rows, shape_of, strict=True) if own == kind]
        for start in range(0, len(same), BATCH):
            part = same[start : start + BATCH]
            for row, maps, keys in zip(part, *marker.look(part, shape), strict=True):
                found[row] = marker.mark(maps, keys, data.scenes[row])
            if start % (20 * BATCH) == 0:
                log.info("%d of %d photos", len(found), len(rows))
    index = []
    with (out / "masks.u8").open("wb") as file:
        for row in range(len(data.store)):
            words, maps = found.get(row, (np.zeros(0, int), np.zeros((0, 1, 1), np.uint8)))
            file.write(maps.tobytes())
            index.append((words.tolist(), *maps.shape[1:]))
    atomic_write(out / "masks.json", json.dumps(index))


if __name__ == "__main__":
    main()
