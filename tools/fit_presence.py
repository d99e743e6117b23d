"""Fit the weights of `inference.evidence` on held-out training photos and their titles.

    python tools/fit_presence.py ../shared/data/train

Each sampled photo is asked for every title that occurs often enough: its own title is there, the
others count as absent (some are not: a house in a street. That noise pulls probabilities down a
little). The photos are of the quarter that trained nothing (tools/titles.py). Prints the three
weights of a logistic model and the AUROC, macro-averaged over titles, with and without them. Pixel
labels play no part.
"""

import sys
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from titles import pixels, titled_photos

from reco_core import inference
from reco_core.pipeline import ReCo

SAMPLE, LEAST = 900, 5


def main() -> None:
    folder = Path(sys.argv[1])
    photos = [photo for photo in titled_photos(folder) if photo.held_out]
    often = sorted(word for word, count in Counter(photo.word for photo in photos).items() if count >= LEAST)
    random = np.random.default_rng(0)
    photos = [photos[i] for i in sorted(random.permutation(len(photos))[:SAMPLE])]
    reco = ReCo.load(device="cpu")
    texts = torch.stack([reco.encoder.embed_names((word,))[0] for word in often])
    evidence, truth = [], []
    for i, photo in pixels(folder, photos):
        encoded = reco.encoder.encode_photo(photo)
        whole, patches = reco.unusual(encoded, texts)
        evidence.append(torch.stack([whole, inference.peak(patches)], -1))
        truth.append([word == photos[i].word for word in often])
    x, y = torch.stack(evidence).numpy(), np.array(truth)
    model = LogisticRegression(class_weight="balanced").fit(x.reshape(-1, 2), y.ravel())
    print("weights", [round(float(v), 2) for v in (*model.coef_[0], model.intercept_[0])])
    fitted = model.decision_function(x.reshape(-1, 2)).reshape(y.shape)
    for name, values in (("whole photo", x[..., 0]), ("best positions", x[..., 1]), ("both", fitted)):
        areas = [roc_auc_score(y[:, i], values[:, i]) for i in range(len(often)) if 0 < y[:, i].sum() < len(y)]
        print(f"AUROC {name}: {np.mean(areas):.3f}")


if __name__ == "__main__":
    main()
