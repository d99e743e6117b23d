"""Fit the weights of `presence.log_odds` on pictures of held-out training photos and their titles.

    python tools/fit_presence.py ../shared/data/train

Each picture (tools/collages.py: single photos, collages, one photo upon another) is asked for every title that occurs
often enough: its own are there, the others count as absent, but for those that mean nearly the same, and for persons
and scenes, which are in many photos of other titles. The weights are those of a logistic model for which one of three
asked names is there (`PRIOR`). Prints them, and how well they tell titles they were not fitted on (five folds).
Pixel labels play no part.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from collages import SCENES, often, pictures

from reco_core.methods import find_method
from reco_core.pipeline import ReCo
from reco_core.segmentation import metrics, presence, score_maps

COUNT = 500  # of each kind
PRIOR = 1 / 3
SAME = 0.4  # cosine of two titles' texts from which one may be there where the other is
EVERYWHERE = {*SCENES, "person", "house", "chair", "table"}


def main() -> None:
    folder = Path(sys.argv[1])
    words = often(folder)
    reco = ReCo.load(device="cpu")
    concepts = reco.prepare(words, method=find_method("reco2"), background=(), most=255).concepts
    texts = torch.stack([concept.text for concept in concepts])
    references = torch.stack([concept.reference for concept in concepts])
    stats = torch.tensor([concept.stats for concept in concepts])
    alike = (texts @ texts.T).numpy() > SAME
    everywhere = np.array([word in EVERYWHERE for word in words])
    parts, truth, counted = [], [], []
    for picture in pictures(folder, COUNT):
        encoded = reco.encode(picture.photo)
        whole, patches = reco.scorer.z_scores(encoded, texts)
        similar = score_maps.similarities(encoded.features[0], references)
        each = [tuple(float(i == j) for j in range(4)) for i in range(3)]
        parts.append(torch.stack([presence.log_odds(whole, patches, similar, stats, w) for w in each], -1).numpy())
        there = np.array([word in picture.words for word in words])
        truth.append(there)
        counted.append(there | ~(everywhere | alike[there].any(0)))
    x, y, use = np.stack(parts), np.stack(truth), np.stack(counted)
    titles = np.broadcast_to(np.arange(len(words)), y.shape)[use]

    def fit(of: np.ndarray) -> LogisticRegression:
        share = y[use][of].mean()
        weights = np.where(y[use][of], PRIOR / share, (1 - PRIOR) / (1 - share))
        return LogisticRegression(max_iter=1000).fit(x[use][of], y[use][of], sample_weight=weights)

    model = fit(np.ones(len(titles), bool))
    print("weights", [round(float(v), 2) for v in (*model.coef_[0], model.intercept_[0])])
    said = np.full(y.shape, np.nan)
    where = np.flatnonzero(use)
    for train, test in GroupKFold(5).split(titles, groups=titles):
        mask = np.zeros(len(titles), bool)
        mask[train] = True
        said.flat[where[test]] = fit(mask).decision_function(x[use][test])
    for name, values in [("presence", said), *((f"part {i} alone", x[..., i]) for i in range(3))]:
        areas = [metrics.auroc(values[use[:, i], i], y[use[:, i], i]) for i in range(len(words))]
        print(f"AUROC {name}: {np.nanmean(areas):.3f}, of {np.sum(~np.isnan(areas))} titles")
    random = np.random.default_rng(0)
    asked = y | (use & (random.random(y.shape) < (1 - PRIOR) / PRIOR * y.sum() / (use & ~y).sum()))
    error = metrics.expected_calibration_error(1 / (1 + np.exp(-said[asked])), y[asked])
    print(f"calibration error where {y[asked].mean():.0%} of what is asked is there: {error:.3f}")
    print(f"at 0.5: {(said[y] > 0).mean():.2f} of what is there, {(said[use & ~y] > 0).mean():.3f} of what is not")


if __name__ == "__main__":
    main()
