"""What photos of one kind have in common: the formula against a loop, and real photos."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from reco_core.methods import find_method
from reco_core.photo_kind import FEW, SAMPLE, favoured, of_one_kind, sample
from reco_core.types import Encoded

NAMES = ("cat", "coffee cup", "rocket", "sky")


@pytest.fixture(scope="module")
def references(reco):
    return reco.prepare(NAMES, method="reco2", background=("wall", "table"))


@pytest.mark.parametrize("spread", [0.0, 1.0, 50.0])
def test_what_is_favoured_against_a_loop(spread):
    odds = np.random.default_rng(1).normal([3, -5, 0, 1, 2, 2, -1], spread, (9, 7))
    found = favoured(torch.tensor(odds), 4)
    means = odds[:, :4].mean(0)
    between = sum((m - means.mean()) ** 2 for m in means) / 4
    within = sum(((column - column.mean()) ** 2).mean() for column in odds[:, :4].T) / 4
    expected = 9 / (9 + FEW) * between / (between + within) * (odds.mean(0) - means.mean())
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6, atol=1e-9)
    if spread == 50:
        assert np.abs(expected).max() < np.abs(odds.mean(0) - means.mean()).max() / 2, "mixed photos stay as they are"


def test_photos_of_one_kind_give_less_to_what_is_in_all_of_them(reco, references, real_photos):
    """Four photos of the same cat: what says "cat" counts less, whatever else may be there counts more."""
    cat = real_photos["cat"]
    kind = of_one_kind(reco, references, [cat, cat[:, ::-1].copy(), cat[20:], cat[:, 30:]])
    assert kind.concepts is references.concepts and kind.favoured.shape == (len(NAMES) + 2,)
    assert kind.favoured.argmax() == 0 and kind.favoured[0] > 1
    scoring, encoded = find_method("reco2").scoring, reco.encode(cat)
    plain, less = (reco.scorer.score(encoded, r, (40, 40), scoring) for r in (references, kind))
    assert less.scores.softmax(0)[1].mean() < plain.scores.softmax(0)[1].mean()
    torch.testing.assert_close(less.log_odds, plain.log_odds)  # whether it is there is another question
    nothing = replace(references, favoured=torch.zeros(len(NAMES) + 2))
    torch.testing.assert_close(reco.scorer.score(encoded, nothing, (40, 40), scoring).scores, plain.scores)


def test_nothing_is_taken_off_without_photos_or_words(reco, references, monkeypatch):
    assert of_one_kind(reco, references, []).favoured is None
    photo, real = np.zeros((64, 64, 3), np.uint8), reco.encode(np.zeros((64, 64, 3), np.uint8))
    without = Encoded(real.embedding, real.language, real.features)
    monkeypatch.setattr(type(reco), "encode", lambda self, photo: without)
    assert of_one_kind(reco, references, [photo]).favoured is None


def test_a_sample_is_spread_evenly():
    assert sample(range(7)) == range(7)
    many = sample(range(1000))
    assert SAMPLE <= len(many) <= SAMPLE + 1 and many[0] == 0 and many[-1] >= 989
