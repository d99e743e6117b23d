"""Over-segmentation against scikit-learn's Ward clustering, and plain loops."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.cluster import AgglomerativeClustering

from reco_core.errors import OptionError
from reco_core.zeroguidance.clustering import grow_tree, part_affinities


@pytest.fixture(scope="module")
def features() -> torch.Tensor:
    """A 9 x 11 map of directions around five centres."""
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(5, 16, generator=generator)
    which = torch.randint(5, (9, 11), generator=generator)
    return F.normalize(centres[which] + 0.5 * torch.randn(9, 11, 16, generator=generator), dim=-1)


def pieces(tree, count: int) -> set[frozenset[int]]:
    """The positions of every piece of a photo cut into `count`."""
    members = tree.members
    return {
        frozenset(np.flatnonzero(np.isin(tree.parts.ravel(), list(members[node]))).tolist()) for node in tree.cut(count)
    }


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 14])
def test_pieces_are_those_of_wards_clustering(features, count):
    labels = AgglomerativeClustering(count, linkage="ward").fit_predict(features.flatten(0, 1).double().numpy())
    expected = {frozenset(np.flatnonzero(labels == label).tolist()) for label in range(count)}
    assert pieces(grow_tree(features, 14), count) == expected


def test_every_cut_covers_each_position_once_and_is_nested_in_the_next(features):
    tree = grow_tree(features, 14)
    assert tree.count == 14
    for count in range(1, 15):
        cut = pieces(tree, count)
        assert len(cut) == count
        assert sorted(position for piece in cut for position in piece) == list(range(99))
        assert all(any(fine <= piece for piece in cut) for fine in pieces(tree, count + 1))


def test_what_is_beyond_the_tree_is_cut_as_near_to_it_as_it_can_be(features):
    tree = grow_tree(features, 4)
    assert tree.cut(0) == tree.cut(-3) == tree.cut(1) == (6,)
    assert tree.cut(99) == tree.cut(4) == (0, 1, 2, 3)
    assert tree.members[6] == frozenset(range(4))


def test_parts_are_numbered_from_the_top_left_and_each_time_alike(features):
    tree, again = grow_tree(features, 14), grow_tree(features.clone(), 14)
    flat = tree.parts.ravel().tolist()
    assert list(dict.fromkeys(flat)) == list(range(14))
    assert tree.parts.shape == (9, 11)
    np.testing.assert_array_equal(tree.parts, again.parts)
    assert tree.joins == again.joins


@pytest.mark.parametrize(("shape", "count"), [((1, 1), 1), ((1, 2), 2), ((2, 3), 6), ((9, 11), 20)])
def test_there_are_no_more_parts_than_positions(features, shape, count):
    tree = grow_tree(features[: shape[0], : shape[1]], 20)
    assert tree.count == count == tree.parts.max() + 1
    assert tree.cut(1) == (2 * count - 2,)


def test_a_photo_of_one_colour_has_parts_that_are_all_alike():
    same = F.normalize(torch.ones(5, 6, 8), dim=-1)
    tree = grow_tree(same, 7)
    assert tree.count == 7
    assert set(tree.parts.ravel().tolist()) == set(range(7))
    torch.testing.assert_close(part_affinities(same, tree.parts), torch.full((7, 5, 6), 1 / 0.05))


def test_belonging_equals_the_formula(features):
    parts = grow_tree(features, 6).parts
    actual = part_affinities(features, parts, 0.2)
    assert actual.shape == (6, 9, 11)
    for part in range(6):
        total = torch.zeros(16)
        for y in range(9):
            for x in range(11):
                if parts[y, x] == part:
                    total += features[y, x]
        for y in range(9):
            for x in range(11):
                cosine = float(features[y, x] @ total) / math.sqrt(float(total @ total))
                assert actual[part, y, x].item() == pytest.approx(cosine / 0.2, abs=1e-4)


def test_what_cannot_be_clustered_is_refused(features):
    with pytest.raises(OptionError, match=r"at least one part.*0"):
        grow_tree(features, 0)
    with pytest.raises(OptionError, match="features has the wrong shape"):
        grow_tree(features[None], 3)
