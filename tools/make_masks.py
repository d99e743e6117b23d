"""Mark training photos with the words that are known to be in them: what a network learns its next masks from.

    python tools/make_masks.py --data ../shared/data --wordnet /usr/share/wordnet --photos build/words --out build/masks

Weak supervision's classical loop (seed, expand, constrain), drawn by the preset mini as it is installed, with its
archive. The words that a photo's captions or title mention, or whose kinds the teacher sees in it, are told to be
there; background words compete, for nobody mentions the sky above people, and would be given to the people. Scores flow
between neighbouring pixels of similar colour (PAMR: Araslanov & Roth, CVPR 2020, section 3.2). A pixel has a word where
no word that excludes it comes near, and lacks it where such a word is surely ahead; all else is left open. A word that
no other excludes (animal, clothing) has the masks of its kinds.

Writes OUT/masks.u8 and OUT/masks.json: for every photo of `word_photos.Words` its words and their maps, (n, h, w) on
about every eighth pixel: 0 no, 1 yes, 255 open. A killed run resumes.
"""

import argparse
import json
import logging
import multiprocessing
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from captions import covered_classes, covering, exclusive
from word_photos import MENTIONED, Words
from wordnet import Nouns

from reco_core.methods import BACKGROUND_WORDS, find_method
from reco_core.models.mini_vit import NAMES, PATCH
from reco_core.pipeline import ReCo
from reco_core.segmentation import presence
from reco_core.segmentation.scorers import Similarity, combine, smooth_all
from reco_core.types import Concept, Encoded
from reco_core.utils.atomic_write import atomic_write
from reco_core.utils.names import MAX_NAMES

log = logging.getLogger("make_masks")
METHOD = find_method("reco2")
SIDE, STRIDE = 256, 8
YES, NO, OPEN = 1, 0, 255
TOLD, DOUBTED = 3.0, -1.0  # log-odds of what is told to be there; the least of surroundings
SOFTNESS = 1.5  # temperature of the scores that flow between pixels
AHEAD, BEHIND = 0.4, 0.9  # log-ratios to the best word that excludes it, from which a pixel has a word, or lacks it
FOUND, LEAST = -2.0, 0.02  # log-odds and share of a photo from which surroundings that nobody mentions are marked
DILATIONS, STEPS, COLOUR = (1, 2, 4), 5, 0.1  # of the propagation: distances, rounds, tolerance in local deviations


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with archive/, captions/ and train/")
    parser.add_argument("--wordnet", type=Path, required=True, help="folder with WordNet 3.0's data.noun")
    parser.add_argument("--photos", type=Path, required=True, help="folder of the decoded photos")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    args.out.mkdir(parents=True, exist_ok=True)
    nouns = Nouns(args.wordnet)
    data = Words(args.data, args.wordnet, args.photos)
    seen = torch.from_numpy(np.load(args.photos / "teacher.npy")).float()
    data.add_names(seen, torch.from_numpy(covered_classes(data.words, nouns)))
    mark_all(Marker(ReCo.load(device="cpu"), data.words, nouns), data, args.out)


class Marker:
    """Marks photos with words. concepts: learned from the archive, one a word. excludes: (W, W) bool, words that no
    pixel shares. covers: (W, W) bool, [kind, word]. around: (W,) bool, background words."""

    def __init__(self, reco: ReCo, words: list[str], nouns: Nouns) -> None:
        self.reco = reco
        self.concepts: list[Concept] = []
        for start in range(0, len(words), MAX_NAMES):
            learned = reco.prepare(words[start : start + MAX_NAMES], method=METHOD, background=())
            self.concepts.extend(learned.concepts)
        self.excludes = exclusive(words, nouns)
        self.around = np.array([word in BACKGROUND_WORDS for word in words])
        column = {word: i for i, word in enumerate(words)}
        self.covers = np.zeros(self.excludes.shape, bool)
        for i, word in enumerate(words):
            self.covers[i, covering(word, column, nouns)] = True

    @torch.inference_mode()
    def mark(self, photo: Tensor, told: np.ndarray, maybe: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The words (n,) that are marked in a photo (3, H, W) uint8, and their maps (n, h, w) uint8.

        told: (k,) the words that are known to be in it. maybe: (m,) those that may be, by default background words.
        """
        if not len(told):
            return told, np.zeros((0, 1, 1), np.uint8)
        maybe = np.flatnonzero(self.around) if maybe is None else maybe
        rows = np.concatenate([told, np.setdiff1d(maybe, told)])
        encoded = self.reco.encode(photo.permute(1, 2, 0).numpy())
        seen = self.reco.scorer.compare(encoded, [self.concepts[row] for row in rows])
        temperatures = self.reco.encoder.preset.temperatures
        scores = combine(
            smooth_all(believe(seen, len(told)), METHOD.scoring, temperatures), METHOD.scoring, temperatures
        )
        fine = shrink(photo)
        shares = F.interpolate((scores / SOFTNESS).softmax(0)[None], size=fine.shape[-2:], mode="bilinear")
        shares = propagate(shares, fine)[0]
        marks = decide(shares, torch.from_numpy(self.excludes[np.ix_(rows, rows)]), len(told))
        shown = self._shown(encoded, rows, marks, len(told))
        kept = np.flatnonzero(shown | add_kinds(marks, self.covers[np.ix_(rows, rows)], shown[: len(told)]))
        return rows[kept], marks[kept].numpy()

    def _shown(self, encoded: Encoded, rows: np.ndarray, marks: Tensor, told: int) -> np.ndarray:
        """(n,) bool: words that others exclude, of surroundings those that are large and surely there."""
        in_photo, maps = encoded.words
        columns = NAMES + rows
        odds = presence.word_log_odds(in_photo[0, columns], maps[0, ..., columns].permute(2, 0, 1)).numpy()
        large = (marks == YES).float().mean((1, 2)).numpy() >= LEAST
        return self.excludes[np.ix_(rows, rows)].any(1) & ((np.arange(len(rows)) < told) | (odds >= FOUND) & large)


def believe(seen: Similarity, told: int) -> Similarity:
    """The first `told` concepts are there, whatever the photo says; surroundings may be."""
    sure = torch.arange(len(seen.log_odds)) < told
    odds, photo = (torch.where(sure, TOLD, given.clamp(DOUBTED, TOLD)) for given in (seen.log_odds, seen.words.photo))
    nothing = torch.zeros_like(seen.expected)
    return seen._replace(log_odds=odds, words=seen.words._replace(photo=photo), expected=nothing)


def shrink(photo: Tensor) -> Tensor:
    """(3, H, W) uint8 -> (1, 3, h, w) in [0, 1], every eighth pixel or so of the side that networks see."""
    scale = SIDE / min(photo.shape[1:])
    size = [max(8, round(side * scale / PATCH)) * PATCH // STRIDE for side in photo.shape[1:]]
    return F.interpolate(photo[None].float() / 255, size=size, mode="area")


def propagate(maps: Tensor, image: Tensor) -> Tensor:
    """Let maps (1, n, h, w) flow between pixels of similar colour; image: (1, 3, h, w) in [0, 1]."""
    neighbours = gather(image)  # (8 d, 1, 3, h, w)
    spread = neighbours.std(0, keepdim=True) + 1e-4
    distance = (((neighbours - image[None]) / spread / COLOUR) ** 2).mean(2, keepdim=True)
    weights = (-distance / 100).softmax(0)
    for _ in range(STEPS):
        maps = (gather(maps) * weights).sum(0)
    return maps


def gather(maps: Tensor) -> Tensor:
    """Each pixel's eight neighbours at every distance: (1, n, h, w) -> (8 d, 1, n, h, w)."""
    height, width = maps.shape[-2:]
    out = []
    for d in DILATIONS:
        padded = F.pad(maps, [d] * 4, mode="replicate")
        for y, x in ((0, 0), (0, d), (0, 2 * d), (d, 0), (d, 2 * d), (2 * d, 0), (2 * d, d), (2 * d, 2 * d)):
            out.append(padded[..., y : y + height, x : x + width])
    return torch.stack(out)


def decide(shares: Tensor, excludes: Tensor, told: int) -> Tensor:
    """Shares (n, h, w) of words at pixels -> yes, no or open, (n, h, w) uint8; open where nothing excludes the word.

    excludes: (n, n) bool. The first `told` words are known to be there; others have pixels only where they are first.
    """
    out = torch.full(shares.shape, OPEN, dtype=torch.uint8)
    logs, first = shares.clamp_min(1e-6).log(), shares.argmax(0)
    for i, rivals in enumerate(excludes):
        if rivals.any():
            ahead = logs[i] - logs[rivals].amax(0)
            out[i][ahead < -BEHIND] = NO
            out[i][(ahead > AHEAD) & ((first == i) | (i < told))] = YES
    return out


def add_kinds(marks: Tensor, covers: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Words that nothing excludes take the marks (n, h, w) of their kinds, in place. Which did: (n,) bool.

    covers: (n, n) bool, [kind, word]. shown: (k,) bool, of the first k words, those that have marks of their own.
    """
    took = np.zeros(len(marks), bool)
    for i in np.flatnonzero(~shown):
        kinds = marks[[k for k in np.flatnonzero(shown) if covers[k, i]]]
        if len(kinds):
            marks[i][(kinds == YES).any(0)] = YES
            marks[i][(kinds == NO).all(0)] = NO
            took[i] = True
    return took


def mark_all(marker: Marker, data: Words, out: Path) -> None:
    index_file = out / "masks.json"
    index = json.loads(index_file.read_text()) if index_file.exists() else []
    end = sum(len(words) * height * width for words, height, width in index)
    known = (data.targets >= MENTIONED).numpy()
    todo = range(len(index), len(data.photos))
    torch.set_num_threads(1)  # small photos: a process a core is quicker
    with multiprocessing.get_context("fork").Pool(initializer=_give, initargs=(marker, data, known)) as pool:
        _write(pool.imap(_mark, todo, chunksize=16), index, end, out, len(data.photos))


def _give(*given: object) -> None:
    global GIVEN  # noqa: PLW0603 - a worker's own, inherited and not copied
    GIVEN = given
    torch.set_num_threads(1)


def _mark(i: int) -> tuple[np.ndarray, np.ndarray]:
    marker, data, known = GIVEN
    return marker.mark(data.store.photo(i), np.flatnonzero(known[i]))


def _write(marked: Iterable[tuple[np.ndarray, np.ndarray]], index: list, end: int, out: Path, count: int) -> None:
    """Append masks to those that are there; `index` knows them."""
    started = time.monotonic()
    with (out / "masks.u8").open("r+b" if index else "wb") as file:
        file.seek(end)
        for words, maps in marked:
            file.write(maps.tobytes())
            index.append((words.tolist(), *maps.shape[1:]))
            if len(index) % 500 == 0 or len(index) == count:
                file.flush()
                atomic_write(out / "masks.json", json.dumps(index))
                log.info("%d of %d photos, %.0f s", len(index), count, time.monotonic() - started)


if __name__ == "__main__":
    main()
