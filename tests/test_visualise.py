import numpy as np
import torch

from reco_core import visualise


def test_colours_are_fixed_and_distinct():
    colours = [visualise.colour(i) for i in range(50)]
    assert colours[0] == (230, 25, 75)
    assert len(set(colours)) == 50
    assert all(0 <= channel <= 255 for c in colours for channel in c)


def test_overlay_marks_labels_and_keeps_the_rest():
    photo = np.full((10, 12, 3), 100, np.uint8)
    labels = np.zeros((10, 12), np.uint8)
    labels[:, 6:] = 2
    marked = visualise.overlay(photo, labels, 2, opacity=0.5)
    expected = (0.5 * 100 + 0.5 * np.array(visualise.colour(1))).round()
    np.testing.assert_allclose(marked[5, 9], expected, atol=1)
    assert len(set(marked[5, 2].tolist())) == 1
    assert marked[5, 5].sum() < marked[5, 4].sum()  # the outline
    np.testing.assert_array_equal(visualise.overlay(photo, labels, 2, opacity=0)[5, 9], [100, 100, 100])


def test_feature_picture_shows_the_parts():
    features = torch.zeros(4, 6, 8)
    features[:, :3, 0], features[:, 3:, 1] = 1, 1
    features += 0.01 * torch.randn(4, 6, 8, generator=torch.Generator().manual_seed(0))
    picture = visualise.feature_picture(features.flatten(0, 1), (4, 6)).astype(int)
    assert picture.shape == (4, 6, 3)
    assert abs(picture[:, :3, 0].mean() - picture[:, 3:, 0].mean()) > 150
    flat = visualise.feature_picture(torch.ones(24, 8), (4, 6))
    assert flat.shape == (4, 6, 3)


def test_heat_goes_from_dark_to_bright():
    picture = visualise.heat(np.array([[0.0, 0.5, 1.0]])).astype(int)
    assert picture[0, 0].sum() < picture[0, 1].sum() < picture[0, 2].sum()
    assert visualise.heat(np.zeros((2, 2))).shape == (2, 2, 3)
