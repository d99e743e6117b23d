"""Inference formulas against plain loops."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from reco_core.errors import OptionError
from reco_core.segmentation import score_maps


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def maps(seed: int, *shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_reco_scores_at_grid_points():
    reference, language = maps(0, 3, 4, 5), maps(1, 3, 4, 5)
    scores = score_maps.reco_scores(reference, language, (4, 5))
    for c, y, x in [(0, 0, 0), (2, 3, 4), (1, 2, 1)]:
        expected = sigmoid(reference[c, y, x]) * sigmoid(10 * language[c, y, x])
        assert scores[c, y, x].item() == pytest.approx(expected, abs=1e-6)


def test_factors_are_resized_before_they_are_multiplied():
    reference, language = maps(2, 2, 3, 3), maps(3, 2, 6, 6)
    scores = score_maps.reco_scores(reference, language, (12, 9))
    a = F.interpolate(torch.sigmoid(reference)[None], (12, 9), mode="bilinear")[0]
    b = F.interpolate(torch.sigmoid(10 * language)[None], (12, 9), mode="bilinear")[0]
    torch.testing.assert_close(scores, a * b)


def test_one_factor_alone_and_none():
    language = maps(4, 2, 3, 3)
    torch.testing.assert_close(score_maps.reco_scores(None, language, (3, 3)), torch.sigmoid(10 * language))
    torch.testing.assert_close(score_maps.reco_scores(language, None, (3, 3)), torch.sigmoid(language))
    with pytest.raises(OptionError):
        score_maps.reco_scores(None, None, (3, 3))


def test_affinity_rows_are_weights_of_similar_positions():
    features = F.normalize(torch.randn(3, 4, 6, generator=torch.Generator().manual_seed(5)), dim=-1)
    weights = score_maps.affinity(features, 3.0, 1.2)
    flat = features.reshape(12, 6)
    cosines = [[float(flat[p] @ flat[q]) for q in range(12)] for p in range(12)]
    mean = np.mean(cosines)
    for p in range(12):
        scaled = [3 * (c - 1.2 * mean) for c in cosines[p]]
        total = sum(math.exp(s) for s in scaled if s > 0)
        expected = [math.exp(s) / total if s > 0 else 0 for s in scaled]
        np.testing.assert_allclose(weights[p].numpy(), expected, atol=1e-5)


def test_affinity_of_a_plain_photo_is_finite():
    weights = score_maps.affinity(F.normalize(torch.ones(2, 3, 4), dim=-1), 3.0, 1.2)
    torch.testing.assert_close(weights.sum(-1), torch.ones(6))


def test_smoothing_is_a_weighted_mean():
    weights = torch.softmax(maps(6, 6, 6), -1)
    values = maps(7, 2, 2, 3)
    smoothed = score_maps.smooth(values, weights)
    expected = sum(float(weights[4, q]) * float(values[1].flatten()[q]) for q in range(6))
    assert smoothed[1, 1, 1].item() == pytest.approx(expected, abs=1e-6)


def test_compete_by_hand():
    values = maps(9, 3, 2, 2)
    exponentials = [math.exp(float(v) / 0.1) for v in values[:, 1, 0]]
    expected = math.log(exponentials[2] / sum(exponentials))
    assert score_maps.compete(values, 0.1)[2, 1, 0].item() == pytest.approx(expected, abs=1e-3)


def test_background_words_compete_as_one():
    scores = torch.tensor([[0.5, 0.1], [0.2, 0.3], [0.4, 0.2], [0.6, 0.1]])
    merged = score_maps.merge_background(scores, 2)
    assert merged.tolist()[0] == pytest.approx([0.6, 0.2])
    assert merged.argmax(0).tolist() == [0, 2]
    assert score_maps.merge_background(scores[:2], 2).argmax(0).tolist() == [1, 2]


def test_unusual_is_a_z_score():
    generator = torch.Generator().manual_seed(8)
    embeddings, texts = torch.randn(500, 4, generator=generator), torch.randn(3, 4, generator=generator)
    base = score_maps.typical(embeddings)
    similarities = embeddings @ texts.T
    z = score_maps.unusual(torch.full((3,), 0.7), texts, base)
    expected = (0.7 - similarities.mean(0)) / similarities.std(0, correction=0)
    torch.testing.assert_close(z, expected, atol=1e-4, rtol=1e-4)


def test_evidence_compares_with_what_exemplars_show():
    patches, reference = torch.zeros(4, 10, 20), torch.full((4, 5, 5), 0.5)
    patches[2, 1, 1], patches[2, 3, 3] = 6.0, 2.0  # two of 200 positions: the best hundredth
    reference[3, 2, 2] = 0.9
    levels = torch.tensor([[4.0, 1.0, 0.9, 0.5]] * 4)
    found = score_maps.evidence(torch.tensor([0.0, 4.0, 0.0, 0.0]), patches, reference, levels, (0.5, 0.6, 0.7, -3.0))
    assert found.tolist() == pytest.approx([-3, 4 / 2 * 0.5 - 3, 4 * 0.6 - 3, 0.7 - 3])


def test_evidence_is_not_blown_up_by_poor_exemplars():
    levels = torch.tensor([[-1.0, 0.0, 0.5, 0.5]])
    whole, patches, reference = torch.tensor([1.0]), torch.ones(1, 10, 10), torch.full((1, 5, 5), 0.6)
    found = score_maps.evidence(whole, patches, reference, levels, (1.0, 1.0, 1.0, 0.0))
    assert found.tolist() == pytest.approx([2 * 2**0.5 + 0.5])


def test_regrid_keeps_its_own_grid_and_the_norm():
    maps = F.normalize(torch.randn(2, 7, 7, 5, generator=torch.Generator().manual_seed(5)), dim=-1)
    assert score_maps.regrid(maps, (7, 7)) is maps
    larger = score_maps.regrid(maps, (14, 14))
    assert larger.shape == (2, 14, 14, 5)
    torch.testing.assert_close(larger.norm(dim=-1), torch.ones(2, 14, 14))
    torch.testing.assert_close(larger[0, 0, 0], maps[0, 0, 0])  # corners have no neighbours outside
    between = F.normalize(0.75 * maps[0, 0, 0] + 0.25 * maps[0, 0, 1], dim=-1)
    torch.testing.assert_close(larger[0, 0, 1], between)
