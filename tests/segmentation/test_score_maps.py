"""Maps against plain loops."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from reco_core.segmentation import score_maps


def maps(seed: int, *shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


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


def test_log_softmax_scores_by_hand():
    values = maps(9, 3, 2, 2)
    exponentials = [math.exp(float(v) / 0.1) for v in values[:, 1, 0]]
    expected = math.log(exponentials[2] / sum(exponentials))
    assert score_maps.log_softmax_scores(values, 0.1)[2, 1, 0].item() == pytest.approx(expected, abs=1e-3)


def test_background_words_compete_as_one():
    scores = torch.tensor([[0.5, 0.1], [0.2, 0.3], [0.4, 0.2], [0.6, 0.1]])
    merged = score_maps.merge_background(scores, 2)
    assert merged.tolist()[0] == pytest.approx([0.6, 0.2])
    assert merged.argmax(0).tolist() == [0, 2]
    assert score_maps.merge_background(scores[:2], 2).argmax(0).tolist() == [1, 2]


def test_regrid_keeps_its_own_grid_and_the_norm():
    maps = F.normalize(torch.randn(2, 7, 7, 5, generator=torch.Generator().manual_seed(5)), dim=-1)
    assert score_maps.regrid(maps, (7, 7)) is maps
    larger = score_maps.regrid(maps, (14, 14))
    assert larger.shape == (2, 14, 14, 5)
    torch.testing.assert_close(larger.norm(dim=-1), torch.ones(2, 14, 14))
    torch.testing.assert_close(larger[0, 0, 0], maps[0, 0, 0])  # corners have no neighbours outside
    between = F.normalize(0.75 * maps[0, 0, 0] + 0.25 * maps[0, 0, 1], dim=-1)
    torch.testing.assert_close(larger[0, 0, 1], between)
