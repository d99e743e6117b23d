"""Fit `presence.WORD_WEIGHTS` on captioned photos that trained nothing: is a word that the model was taught in a photo?

    python tools/fit_word_presence.py --data ../shared/data --wordnet /usr/share/wordnet

Every held-back photo is asked for every word: it is there if two fifths of the captions mention it or a kind of it, and
not there if none does. A logistic model of the word's log-odds in the photo and at its best positions, for which one of
three asked words is there. Prints weights, and what they reach on everyday words, in halves that were not fitted on.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score, roc_curve

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from captions import described_photos, targets
from photo_store import tar_photos
from train_words import EVERYDAY
from wordnet import Nouns

from reco_core.models.encoders import load_encoder
from reco_core.presets import MINI
from reco_core.segmentation import presence
from reco_core.utils.paths import bundled_folder

PRIOR = 1 / 3
SAID = 0.4  # share of captions
LEAST = 4  # photos of a word
FALSE_ALARMS = 0.1
CLASSES = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with captions/ and train/")
    parser.add_argument("--wordnet", type=Path, required=True, help="folder with WordNet 3.0's data.noun")
    args = parser.parse_args()
    nouns, encoder = Nouns(args.wordnet), load_encoder(MINI, "cpu")
    names = (bundled_folder() / MINI.vocabulary.file).with_name("names.txt").read_text(encoding="utf-8").splitlines()
    words = [name.split(", ")[0] for name in names[CLASSES:]]
    photos = described_photos(args.data / "captions", args.data / "train", nouns)
    photos = [photo for photo in photos if photo.is_held_back and photo.complete]
    said = targets(photos, words, nouns)
    parts = []
    for image in tar_photos([(photo.tar, photo.file) for photo in photos]):
        photo, maps = encoder.encode_photo(np.asarray(image.convert("RGB"))).words
        peaks = presence.peak(maps[0, ..., CLASSES:].permute(2, 0, 1))
        parts.append(torch.stack([photo[0, CLASSES:], peaks], -1).numpy())
    x, there, absent = np.stack(parts), said >= SAID, said == 0
    counted = (there | absent) & (there.sum(0) >= LEAST)

    def fit(rows: np.ndarray) -> LogisticRegression:
        use = counted[rows]
        y = there[rows][use]
        weights = np.where(y, PRIOR / y.mean(), (1 - PRIOR) / (1 - y.mean()))
        return LogisticRegression(max_iter=1000).fit(x[rows][use], y, sample_weight=weights)

    everything = fit(np.arange(len(x)))
    print("weights", [round(float(v), 2) for v in (*everything.coef_[0], everything.intercept_[0])])
    odds, half = np.zeros(there.shape), np.arange(len(x)) % 2
    for side in (0, 1):
        model = fit(np.flatnonzero(half != side))
        odds[half == side] = x[half == side] @ model.coef_[0] + model.intercept_[0]
    areas, found = [], []
    for word in EVERYDAY:
        column = words.index(word) if word in words else -1
        if column >= 0 and counted[:, column].any():
            use = counted[:, column]
            y, score = there[use, column], odds[use, column]
            false, true, _ = roc_curve(y, score)
            areas.append(roc_auc_score(y, score))
            found.append(np.interp(FALSE_ALARMS, false, true))
            print(f"{word}: {y.sum()} photos, AUROC {areas[-1]:.3f}, found {found[-1]:.2f}")
    print(f"mean: AUROC {np.mean(areas):.3f}, found at false alarms of {FALSE_ALARMS:.0%}: {np.mean(found):.3f}")


if __name__ == "__main__":
    main()
