"""Fit the weights of `inference.presence` on training photos and their titles.

    python tools/fit_presence.py ../shared/data/train

Each sampled photo is asked for every title that occurs often enough: its own title is there, the
others count as absent (some are not: a house in a street. That noise pulls probabilities down a
little). Prints the three weights of a logistic model and the AUROC, macro-averaged over titles,
with and without them. Pixel labels play no part.
"""

import csv
import sys
import tarfile
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from reco_core import inference
from reco_core.photos import read_photo
from reco_core.pipeline import ReCo

TAR, SAMPLE, LEAST = "web_photos.tar", 480, 25


def main() -> None:
    folder = Path(sys.argv[1])
    with (folder / "manifest.tsv").open(newline="", encoding="utf-8") as table:
        rows = [r for r in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE) if r["tar"] == TAR]
    titles = {row["file"]: row["title"].lower() for row in rows}
    often = sorted(title for title, count in Counter(titles.values()).items() if count >= LEAST)
    random = np.random.default_rng(0)
    picked = random.permutation([file for file, title in titles.items() if title in often])[:SAMPLE]
    reco = ReCo.load(device="cpu")
    texts = torch.stack([reco.encoder.embed_names((title,))[0] for title in often])
    wholes, patches = reco._typical
    evidence, truth = [], []
    with tarfile.open(folder / TAR) as members:
        for file in picked:
            encoded = reco.encoder.encode_photo(read_photo(members.extractfile(file).read()))
            language = inference.similarities(encoded.language[0], texts)
            peak = inference.peak(inference.unusual(language, texts, patches))
            evidence.append(torch.stack([inference.unusual(texts @ encoded.embedding[0], texts, wholes), peak], -1))
            truth.append([title == titles[file] for title in often])
    x, y = torch.stack(evidence).numpy(), np.array(truth)
    model = LogisticRegression(class_weight="balanced").fit(x.reshape(-1, 2), y.ravel())
    print("weights", [round(float(v), 2) for v in (*model.coef_[0], model.intercept_[0])])
    fitted = model.decision_function(x.reshape(-1, 2)).reshape(y.shape)
    for name, values in (("whole photo", x[..., 0]), ("best positions", x[..., 1]), ("both", fitted)):
        areas = [roc_auc_score(y[:, i], values[:, i]) for i in range(len(often)) if 0 < y[:, i].sum() < len(y)]
        print(f"AUROC {name}: {np.mean(areas):.3f}")


if __name__ == "__main__":
    main()
