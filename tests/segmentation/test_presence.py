"""Presence by hand."""

import pytest
import torch

from reco_core.segmentation import presence


def test_log_odds_compare_with_what_exemplars_show():
    patches, reference = torch.zeros(4, 10, 20), torch.full((4, 5, 5), 0.5)
    patches[2, 1, 1], patches[2, 3, 3] = 6.0, 2.0  # two of 200 positions: the best hundredth
    reference[3, 2, 2] = 0.9
    shown = torch.tensor([[4.0, 1.0, 0.9, 0.5]] * 4)
    photo = torch.tensor([0.0, 4.0, 0.0, 0.0])
    found = presence.log_odds(photo, patches, reference, shown, (0.5, 0.6, 0.7, -3.0))
    assert found.tolist() == pytest.approx([-3, 4 / 2 * 0.5 - 3, 4 * 0.6 - 3, 0.7 - 3])


def test_log_odds_are_not_blown_up_by_poor_exemplars():
    shown = torch.tensor([[-1.0, 0.0, 0.5, 0.5]])
    whole, patches, reference = torch.tensor([1.0]), torch.ones(1, 10, 10), torch.full((1, 5, 5), 0.6)
    found = presence.log_odds(whole, patches, reference, shown, (1.0, 1.0, 1.0, 0.0))
    assert found.tolist() == pytest.approx([2 * 2**0.5 + 0.5])
