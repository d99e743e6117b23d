"""What a specialist knows before training: what mini says of its names, and what photos of one kind favour."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from support.adapting import TINY, make, weights_of

from reco_core.adaptation import own_network, training
from reco_core.adaptation.crops import Crops, Example
from reco_core.adaptation.deeplab import DeepLab, initialise
from reco_core.adaptation.labels import IGNORED, Labelled
from reco_core.adaptation.start import begin
from reco_core.adaptation.training import probabilities
from reco_core.methods import find_method

WHOLE = replace(TINY, blocks=12, side=224, steps=2, check=1)
NAMES = ("cat", "coffee cup", "sky", "grass")


@pytest.fixture(scope="module")
def references(reco):
    return reco.prepare(NAMES, method="reco2", background=("wall", "table", "floor"))


def started(reco, references) -> DeepLab:
    torch.manual_seed(0)
    network = DeepLab(WHOLE, len(references.concepts) + 1, begin(reco, references))
    initialise(network, WHOLE)
    return network.eval()


@pytest.mark.parametrize("background", [True, False])
def test_before_training_it_says_what_reco_says(reco, references, real_photos, background):
    """Of the scorer all but the language map and other words is in the network."""
    known = references if background else replace(references, background=())
    network, seen = started(reco, known), reco.encoder.at_side(224)
    same = []
    for name in ("cat", "coffee", "rocket"):
        photo = real_photos[name][:400, :400]
        expected = reco.scorer.score(
            seen.encode_photo(photo), known, photo.shape[:2], find_method("reco2-language-others").scoring
        )
        same.append((probabilities(network, photo, 224).argmax(0) == expected.scores.argmax(0).numpy()).mean())
    assert np.mean(same) > 0.9, same


def test_what_photos_favour_is_taken_from_both(reco, references, real_photos):
    """The labels' scorer and the network move by as much."""
    photo = real_photos["coffee"][:400, :400]
    taken = torch.zeros(len(NAMES) + 3)
    taken[1] = 8.0  # what says coffee cup
    kind = replace(references, favoured=taken)
    encoded, scoring = reco.encoder.encode_photo(photo), find_method("reco2").scoring
    before, after = (reco.scorer.score(encoded, r, (40, 40), scoring).scores[2] for r in (references, kind))
    assert (before - after).mean() == pytest.approx(0.5 * 8, abs=0.5)
    plain, moved = (begin(reco, r) for r in (references, kind))
    assert plain is not None and moved is not None
    assert (plain.photo.bias - moved.photo.bias).tolist() == pytest.approx(taken.tolist(), abs=1e-5)


@pytest.mark.parametrize("kept", [0.0, 0.25, 1.0])
def test_what_it_knew_is_taught_again(reco, references, tmp_path, kept):
    """The loss against the sum of both, pixel by pixel: half of the labels are unsure."""
    network, recipe = started(reco, references), replace(WHOLE, crop=64, side=64, kept=kept, steps=1)
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
