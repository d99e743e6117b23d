"""Fit `presence.WORD_WEIGHTS` on photos that trained nothing: is a word that the model was taught in a photo?

    python tools/fit_word_presence.py --data ../shared/data --wordnet /usr/share/wordnet --photos build/words

Every held-back captioned photo is asked for every word: it is there if two fifths of the captions mention it or a kind
of it, and not there if none does. Captions seldom mention a floor or a sky, so the held-back photos of which all is
listed (tools/scenes.py) count as much. A logistic model of the word's log-odds in the photo and at its best positions,
for which one of three asked words is there. Prints weights, and what they reach on everyday words of captions and of
lists, in halves that were not fitted on.
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score, roc_curve

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from captions import described_photos, targets
from photo_store import tar_photos
from train_words import EVERYDAY
from word_photos import Words
from wordnet import Nouns

from reco_core.models.encoder import Encoder
from reco_core.models.encoders import load_encoder
from reco_core.presets import MINI
from reco_core.segmentation import presence
from reco_core.utils.known_words import mini_names

PRIOR = 1 / 3
SAID = 0.4  # share of captions
LEAST = 4  # photos of a word
FALSE_ALARMS = 0.1
CLASSES = 1000


class Asked(NamedTuple):
    """What photos were asked. odds: (N, W, 2), of words in the photo and at their best positions. there: (N, W) bool.
    counted: (N, W) bool, where it is known. words: theirs.
    """

    odds: np.ndarray
    there: np.ndarray
    counted: np.ndarray
    words: list[str]

    def of(self, rows: np.ndarray) -> "Asked":
        """Some of the photos."""
        return Asked(self.odds[rows], self.there[rows], self.counted[rows], self.words)


def read(encoder: Encoder, photos: Iterable[np.ndarray], columns: list[int]) -> np.ndarray:
    """The log-odds (N, W, 2) of words."""
    out = []
    for pixels in photos:
        photo, maps = encoder.encode_photo(pixels).words
        peaks = presence.peak(maps[0, ..., columns].permute(2, 0, 1))
        out.append(torch.stack([photo[0, columns], peaks], -1).numpy())
    return np.stack(out)


def ask_captions(encoder: Encoder, words: list[str], data: Path, nouns: Nouns) -> Asked:
    photos = described_photos(data / "captions", data / "train", nouns)
    photos = [photo for photo in photos if photo.is_held_back and photo.complete]
    said = targets(photos, words, nouns)
    pixels = (np.asarray(image.convert("RGB")) for image in tar_photos([(photo.tar, photo.file) for photo in photos]))
    odds = read(encoder, pixels, list(range(CLASSES, CLASSES + len(words))))
    there, absent = said >= SAID, said == 0
    return Asked(odds, there, (there | absent) & (there.sum(0) >= LEAST), words)


def ask_scenes(encoder: Encoder, data: Words) -> Asked:
    """Held-back photos of which all is listed: what is not, is not there."""
    rows = sorted(set(data.scenes) - {int(row) for row in data.groups[0]})
    odds = read(
        encoder,
        (data.store.photo(row).permute(1, 2, 0).numpy() for row in rows),
        list(range(CLASSES, CLASSES + len(data.words))),
    )
    there, known = (data.targets[rows] == 1).numpy(), (data.weights[rows] == 1).numpy()
    there &= known
    absent = known & (data.targets[rows] == 0).numpy()
    return Asked(odds, there, (there | absent) & (there.sum(0) >= LEAST), data.words)


def fit(asked: list[Asked]) -> LogisticRegression:
    """Each of them counts as much, and one of `PRIOR` words is there."""
    x, y, weights = [], [], []
    for one in asked:
        x.append(one.odds[one.counted])
        y.append(one.there[one.counted])
        weights.append(np.where(y[-1], PRIOR / y[-1].mean(), (1 - PRIOR) / (1 - y[-1].mean())) / len(y[-1]))
    scale = sum(map(len, y))
    return LogisticRegression(max_iter=1000).fit(
        np.concatenate(x), np.concatenate(y), sample_weight=scale * np.concatenate(weights)
    )


def report(asked: Asked, odds: np.ndarray, words: Iterable[str], least: int) -> None:
    areas, found = [], []
    for word in words:
        column = asked.words.index(word) if word in asked.words else -1
        if column < 0 or (asked.there & asked.counted)[:, column].sum() < least:
            continue
        use = asked.counted[:, column]
        y, score = asked.there[use, column], odds[use, column]
        false, true, _ = roc_curve(y, score)
        areas.append(roc_auc_score(y, score))
        found.append(np.interp(FALSE_ALARMS, false, true))
        print(f"{word}: {y.sum()} photos, AUROC {areas[-1]:.3f}, found {found[-1]:.2f}")
    print(f"mean: AUROC {np.mean(areas):.3f}, found at false alarms of {FALSE_ALARMS:.0%}: {np.mean(found):.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "wordnet", "photos"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    args = parser.parse_args()
    encoder = load_encoder(MINI, "cpu")
    words = mini_names()[CLASSES:]
    data = Words(args.data, args.wordnet, args.photos)
    sets = [ask_captions(encoder, words, args.data, Nouns(args.wordnet)), ask_scenes(encoder, data)]
    everything = fit(sets)
    print("weights", [round(float(v), 2) for v in (*everything.coef_[0], everything.intercept_[0])])
    halves = [np.arange(len(one.odds)) % 2 for one in sets]
    models = [fit([one.of(half != side) for one, half in zip(sets, halves, strict=True)]) for side in (0, 1)]
    for one, half, said in zip(sets, halves, (EVERYDAY, words), strict=True):
        odds = np.zeros(one.there.shape)
        for side, model in enumerate(models):
            odds[half == side] = one.odds[half == side] @ model.coef_[0] + model.intercept_[0]
        report(one, odds, said, LEAST if one is sets[0] else 3 * LEAST)


if __name__ == "__main__":
    main()
