import numpy as np
import pytest

from reco_core import regions


def test_superpixels_follow_the_edges_of_a_photo():
    photo = np.zeros((60, 90, 3), np.uint8)
    photo[:, 47:] = (250, 200, 40)
    found = regions.superpixels(photo)
    assert found.shape == (60, 90)
    assert found.dtype == np.int64
    assert found.min() == 0
    assert len(np.unique(found)) > 50
    assert not set(np.unique(found[:, :47])) & set(np.unique(found[:, 47:]))


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (3, 40)])
def test_tiny_photos_have_regions_too(size):
    found = regions.superpixels(np.full((*size, 3), 7, np.uint8))
    assert found.shape == size
    assert found.min() >= 0


def test_the_option_votes_in_regions(reco, cat):
    """Inside a superpixel all pixels get the same label, and the cat stays a cat."""
    result = reco.segment(cat, reco.prepare(["cat"], method="reco2"), method="reco2+regions")
    for number in np.unique(where := regions.superpixels(cat)):
        assert len(np.unique(result.labels[where == number])) == 1
    assert (result.labels[80:220, 130:300] == 1).mean() > 0.9


def test_several_references_and_sharper_ones_change_scores_alone(reco, cat):
    references = reco.prepare(["cat", "dog"], method="reco2")
    plain = reco.segment(cat, references, method="reco2")
    several = reco.segment(cat, references, method="reco2+several")
    assert np.abs(several.scores - plain.scores).max() > 0.01
    assert several.presence == plain.presence
    assert (several.labels[80:220, 130:300] == 1).mean() > 0.9
    papers = reco.segment(cat, reco.prepare(["cat", "dog"]), method="reco")
    sharp = reco.segment(cat, reco.prepare(["cat", "dog"]), method="reco+sharpen")
    assert np.abs(sharp.scores - papers.scores).max() > 0.1
