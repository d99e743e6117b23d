"""Sliding windows on maps whose right answer is known."""

from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from reco_core.models.sliding_window import read_long, slide, starts
from reco_core.types import Encoded


@pytest.mark.parametrize(
    ("length", "window", "stride"), [(336, 336, 224), (672, 336, 224), (700, 336, 112), (448, 336, 224)]
)
def test_windows_cover_everything_once_begun(length, window, stride):
    first = starts(length, window, stride)
    assert first[0] == 0
    assert first[-1] == max(0, length - window)
    assert all(0 < b - a <= stride for a, b in pairwise(first))


def test_a_photo_smaller_than_the_window_is_one_window():
    assert starts(100, 336, 224) == [0]


@pytest.mark.parametrize("size", [(64, 96), (32, 96), (32, 32), (96, 64)])
def test_what_depends_on_pixels_alone_is_the_same_in_windows(size):
    """A model that sees one patch at a time gives the same maps however it is cut; two grids, two patches."""
    image = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(0))

    def pixels(part: torch.Tensor, patch: int) -> torch.Tensor:
        return F.normalize(F.avg_pool2d(part, patch).permute(0, 2, 3, 1), dim=-1)

    def read(a: torch.Tensor, b: torch.Tensor) -> Encoded:
        return Encoded(F.normalize(a.mean((2, 3)), dim=-1), pixels(a, 16), pixels(b, 8))

    whole = slide(image, image, read, 32, 16)
    torch.testing.assert_close(whole.language, pixels(image, 16))
    torch.testing.assert_close(whole.features, pixels(image, 8))
    assert whole.embedding.shape == (1, 3)


def test_overlaps_are_averaged():
    image = torch.zeros(1, 3, 32, 48)
    vectors = iter(torch.eye(3)[:2])

    def read(a: torch.Tensor, b: torch.Tensor) -> Encoded:
        vector = next(vectors)
        return Encoded(vector[None], vector.expand(1, 2, 2, 3), vector.expand(1, 2, 2, 3))

    maps = slide(image, image, read, 32, 16).language[0, 0]
    half = torch.tensor([0.5**0.5, 0.5**0.5, 0.0])
    torch.testing.assert_close(maps, torch.stack([torch.eye(3)[0], half, torch.eye(3)[1]]))


def test_words_are_averaged_in_places_and_the_best_window_counts_for_the_photo():
    image, said = torch.zeros(1, 3, 32, 48), iter([(1.0, -3.0), (5.0, -7.0)])

    def read(a: torch.Tensor, b: torch.Tensor) -> Encoded:
        odds = torch.tensor([next(said)])
        unit = torch.ones(1, 2, 2, 1)
        return Encoded(unit[:, 0, 0], unit, unit, words=(odds, odds.expand(1, 2, 2, 2)))

    photo, maps = slide(image, image, read, 32, 16).words
    assert photo.tolist() == [[5.0, -3.0]]
    assert maps[0, 1].tolist() == [[1.0, -3.0], [3.0, -5.0], [5.0, -7.0]]


def test_a_long_photo_is_read_in_squares():
    photo = np.arange(32 * 80 * 3, dtype=np.uint8).reshape(32, 80, 3)
    seen = []

    def read(part: np.ndarray) -> Encoded:
        seen.append(part)
        return Encoded(torch.eye(3)[[len(seen) - 1]], torch.ones(1, 2, 2, 3), torch.ones(1, 2, 2, 1))

    for turned in (False, True):
        seen.clear()
        whole = read_long(photo.transpose(1, 0, 2) if turned else photo, read, 32)
        for part, left in zip(seen, (0, 32, 48), strict=True):
            square = photo[:, left : left + 32]
            np.testing.assert_array_equal(part, square.transpose(1, 0, 2) if turned else square)
        assert whole.features.shape == ((1, 5, 2, 1) if turned else (1, 2, 5, 1))
        assert torch.equal(whole.views, torch.eye(3))
