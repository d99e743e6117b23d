"""Fit how sure discovery is of names: presets.MINI.words, the temperature with which mini is as sure as it is right.

    python tools/fit_naming.py ../shared/data/train

Whole photos whose title is among the vocabulary's names, held out from training; right is the name itself, a kind of it
or what it is a kind of. Prints, per temperature, how often names are right, how sure they are, and how much they say
(1: a name with nothing below it). No pixel labels.
"""

import sys
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from titles import pixels, titled_photos

from reco_core.models.encoders import load_encoder
from reco_core.presets import MINI
from reco_core.zeroguidance import naming
from reco_core.zeroguidance.vocabulary import load_vocabulary

TEMPERATURES = (0.03, 0.05, 0.06, 0.07, 0.08, 0.1)
COUNT = 700


def main() -> None:
    folder, encoder = Path(sys.argv[1]), load_encoder(MINI, "cpu")
    vocabulary = load_vocabulary(encoder)
    rows = {name.lower(): row for row, name in enumerate(vocabulary.names)}
    photos = [photo for photo in titled_photos(folder) if photo.held_out and photo.word in rows]
    photos = [photos[i] for i in np.random.default_rng(0).permutation(len(photos))[:COUNT]]
    found = torch.empty(len(photos), vocabulary.embeddings.shape[1])
    for i, photo in pixels(folder, photos):
        found[i] = encoder.encode_archive([photo]).embedding[0]
    true = np.array([rows[photo.word] for photo in photos])
    print(f"{len(photos)} photos, {len(set(true))} titles")
    for temperature in TEMPERATURES:
        probability = naming.probabilities(found, vocabulary.embeddings, vocabulary.words.counts, temperature)
        pooled = naming.add_kinds(probability, vocabulary.below)
        named = naming.choose_names(pooled, vocabulary.information)
        right = [vocabulary.below[a, b] + vocabulary.below[b, a] > 0 for a, b in zip(named, true, strict=True)]
        sure = pooled[np.arange(len(named)), named].mean()
        print(
            f"{temperature:.2f}: right {np.mean(right):.3f}, sure {sure:.3f}, exactly {np.mean(named == true):.3f}, "
            f"says {vocabulary.information[named].mean():.2f}"
        )


if __name__ == "__main__":
    main()
