"""What a training sees when it looks at photos that were held out."""

import numpy as np
import pytest
import torch
from torch import nn

from reco_core.adaptation.crops import Example
from reco_core.adaptation.labels import Labelled
from reco_core.adaptation.training import evaluate

ALL = np.zeros(3, np.uint8)
pytestmark = pytest.mark.usefixtures("little")


class Fake(nn.Module):
    """Says what a rule says; `head` tells the device."""

    def __init__(self, rule) -> None:
        super().__init__()
        self.head, self.rule = nn.Linear(1, 1), rule

    def forward(self, photos: torch.Tensor) -> torch.Tensor:
        return nn.functional.one_hot(self.rule(photos), 3).permute(0, 3, 1, 2).float()


def by_colour(photos: torch.Tensor) -> torch.Tensor:
    red, _, blue = photos.unbind(1)
    return torch.where(red > 0.65, 1, torch.where(blue > 0.65, 2, 0))


def by_side(photos: torch.Tensor) -> torch.Tensor:
    return (torch.arange(photos.shape[3]) >= photos.shape[3] // 2).long().expand(photos.shape[0], *photos.shape[2:])


def by_size(photos: torch.Tensor) -> torch.Tensor:
    return torch.full((photos.shape[0], *photos.shape[2:]), int(photos.shape[2] > 128))


def test_looks_at_photos_that_were_held_out(examples):
    held = examples[:3]
    fits, agrees = evaluate(Fake(by_colour), held, ALL, 128)
    assert fits > 0.93 and agrees > 0.93
    assert evaluate(Fake(by_side), held, ALL, 128)[1] == 0, "a mirror image is another thing to it"
    assert evaluate(Fake(by_size), held, ALL, 128)[1] == 0, "so is a larger one"
    assert evaluate(Fake(by_colour), [], ALL, 128) == (None, None)
    fits, agrees = evaluate(Fake(lambda photos: by_colour(photos) * 0), held, ALL, 128)
    labels = np.stack([example.stored().labels for example in held])
    assert agrees == 1 and fits == pytest.approx((labels == 0).mean(), abs=1e-4)
    fits, _ = evaluate(Fake(lambda photos: by_colour(photos) * 0), held, np.array([0, 255, 255], np.uint8), 128)
    assert fits == pytest.approx((labels == 0).mean(), abs=1e-4), "all of it is sure"


def test_a_label_that_no_held_photo_has_is_no_label_more_to_the_mean(tmp_path):
    """Of twenty names few are in the photos held out: one stray pixel of each other must not divide by twenty."""
    photo, told = np.full((128, 160, 3), 128, np.uint8), np.zeros((128, 160), np.uint8)
    (plain := Example.at(tmp_path, "plain")).write(photo, Labelled(told, told + 255))

    def stray(photos: torch.Tensor) -> torch.Tensor:
        said = torch.zeros(photos.shape[0], *photos.shape[2:], dtype=torch.long)
        said[:, :8, :8] = 1
        return said

    assert evaluate(Fake(stray), [plain], ALL, 128)[0] > 0.99
