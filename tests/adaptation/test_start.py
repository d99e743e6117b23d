"""What a specialist knows before training: what mini says of its names, and what photos of one kind favour."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from support.adapting import TINY, make, weights_of

from reco_core.adaptation import own_network, training
from reco_core.adaptation.crops import Crops, Example
from reco_core.adaptation.deeplab import DeepLab, initialise
from reco_core.adaptation.labels import FEW, IGNORED, Labelled, favoured
from reco_core.adaptation.start import begin
from reco_core.adaptation.training import probabilities
from reco_core.methods import find_method
from reco_core.types import Encoded

WHOLE = replace(TINY, blocks=12, side=224, steps=2, check=1)
NAMES = ("cat", "coffee cup", "sky", "grass")


@pytest.fixture(scope="module")
def references(reco):
    return reco.prepare(NAMES, method="reco2", background=("wall", "table", "floor"))


def started(reco, references, scorer) -> DeepLab:
    torch.manual_seed(0)
    network = DeepLab(WHOLE, len(references.concepts) + 1, begin(reco, references, scorer))
    initialise(network, WHOLE)
    return network.eval()


@pytest.mark.parametrize("background", [True, False])
def test_before_training_it_says_what_reco_says(reco, references, real_photos, background):
    """Of the scorer all but the language map is in the network."""
    known = references if background else replace(references, background=())
    network, seen = started(reco, known, reco.scorer), reco.encoder.at_side(224)
    same = []
    for name in ("cat", "coffee", "rocket"):
        photo = real_photos[name][:400, :400]
        expected = reco.scorer.score(
            seen.encode_photo(photo), known, photo.shape[:2], find_method("reco2-language").scoring
        )
        same.append((probabilities(network, photo, 224).argmax(0) == expected.scores.argmax(0).numpy()).mean())
    assert np.mean(same) > 0.9, same


def test_what_photos_favour_is_taken_from_both(reco, references, real_photos):
    """The labels' scorer and the network move by as much."""
    photo = real_photos["coffee"][:400, :400]
    taken = torch.zeros(len(NAMES) + 3)
    taken[1] = 8.0  # what says coffee cup
    scorer = replace(reco.scorer, favoured=taken)
    encoded, scoring = reco.encoder.encode_photo(photo), find_method("reco2").scoring
    before, after = (s.score(encoded, references, (40, 40), scoring).scores[2] for s in (reco.scorer, scorer))
    assert (before - after).mean() == pytest.approx(0.4 * 8, abs=0.5)
    plain, moved = (begin(reco, references, s) for s in (reco.scorer, scorer))
    assert plain is not None and moved is not None
    assert (plain.photo.bias - moved.photo.bias).tolist() == pytest.approx(taken.tolist(), abs=1e-5)


def fake(monkeypatch, reco, odds: np.ndarray) -> None:
    """Photo i, a plain one of value i, gets these log-odds of the concepts."""

    class Seen:
        def __init__(self, row: int) -> None:
            self.words = type("Words", (), {"photo": torch.tensor(odds[row], dtype=torch.float32)})

    monkeypatch.setattr(type(reco.encoder), "encode_photo", lambda self, photo: photo)
    monkeypatch.setattr(type(reco.scorer), "compare", lambda self, encoded, concepts: Seen(int(encoded[0, 0, 0])))


@pytest.mark.parametrize("spread", [0.0, 1.0, 50.0])
def test_what_is_favoured_against_a_loop(reco, references, monkeypatch, spread):
    rng = np.random.default_rng(1)
    odds = rng.normal([3, -5, 0, 1, 2, 2, -1], spread, (9, 7))
    fake(monkeypatch, reco, odds)
    found = favoured(reco, references, [np.full((8, 8, 3), i, np.uint8) for i in range(9)])
    assert found is not None
    means = odds[:, :4].mean(0)
    between = sum((m - means.mean()) ** 2 for m in means) / 4
    within = sum(((column - column.mean()) ** 2).mean() for column in odds[:, :4].T) / 4
    expected = 9 / (9 + FEW) * between / (between + within) * (odds.mean(0) - means.mean())
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4, atol=1e-4)
    if spread == 50:
        assert np.abs(expected).max() < np.abs(odds.mean(0) - means.mean()).max() / 2, "mixed photos stay as they are"


def test_nothing_is_favoured_without_photos_or_words(reco, references, monkeypatch):
    assert favoured(reco, references, []) is None
    photo, real = np.zeros((64, 64, 3), np.uint8), reco.encoder.encode_photo(np.zeros((64, 64, 3), np.uint8))
    monkeypatch.setattr(
        type(reco.encoder), "encode_photo", lambda self, p: Encoded(real.embedding, real.language, real.features)
    )
    assert favoured(reco, references, [photo]) is None


@pytest.mark.parametrize("kept", [0.0, 0.25, 1.0])
def test_what_it_knew_is_taught_again(reco, references, tmp_path, kept):
    """The loss against the sum of both, pixel by pixel: half of the labels are unsure."""
    network, recipe = started(reco, references, reco.scorer), replace(WHOLE, crop=64, side=64, kept=kept, steps=1)
    example, weights = Example.at(tmp_path, "one"), np.array([0.5, 1, 2, 1, 1], np.float32)
    photo = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    sure = np.where(np.arange(64) < 32, 255, 0)[None].repeat(64, 0).astype(np.uint8)
    example.write(photo, Labelled(np.full((64, 64), 2, np.uint8), sure))
    crops = Crops([example], np.full(5, 200, np.uint8), recipe, 0)
    task = training.Training(network, crops, weights, (), tmp_path, "cpu")
    pixels, truth = crops.batch(0)
    with torch.no_grad():
        before, scores = task.average(pixels).softmax(1), torch.randn(2, 5, 64, 64)
        found = task._loss(pixels, scores, truth)
    losses, count = [], 0
    for i, y, x in np.ndindex(2, 64, 64):
        logs, label = scores[i, :, y, x].log_softmax(0), int(truth[i, y, x])
        again = -(before[i, :, y, x] * logs * torch.from_numpy(weights)).sum()
        count += label != IGNORED
        if label != IGNORED:
            losses.append(kept * again - (1 - kept) * logs[label] * weights[label])
        elif kept:
            losses.append(again)
    assert 0 < count < truth.numel()
    assert float(found) == pytest.approx(float(sum(losses)) / (truth.numel() if kept else count), rel=1e-4)


@pytest.mark.usefixtures("quick")
def test_training_that_makes_it_worse_is_not_kept(fast, photos, tmp_path, caplog, monkeypatch):
    recipe = replace(WHOLE, side=96, crop=96, rate=10.0, encoder_rate=1.0, warmup=0)
    looks = iter([(0.9, 0.9), (0.1, 0.1), (0.2, 0.1)])
    monkeypatch.setattr(training, "evaluate", lambda *args: next(looks))
    monkeypatch.setattr(own_network, "possible", lambda *args: False)
    out = make(fast, photos, tmp_path / "out", ("cat", "coffee cup"), recipe=recipe)
    assert out.about["step"] == 0 and "did not make it better" in caplog.text
    assert "did not make it better" in (tmp_path / "out" / "README.md").read_text()
    assert not weights_of(tmp_path / "out")["head.weight"].any(), "what is kept is what it started with"
    assert out.segment(np.zeros((60, 80, 3), np.uint8)).scores.shape == (3, 60, 80)
