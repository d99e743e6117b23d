"""Merging against a plain greedy loop."""

import math

import pytest
import torch
import torch.nn.functional as F

from reco_core.zeroguidance.merging import Group, join, merge


def unit(*numbers) -> torch.Tensor:
    return F.normalize(torch.tensor(numbers, dtype=torch.float), dim=0)


def random_unit(seed: int, width: int = 3) -> torch.Tensor:
    return F.normalize(torch.randn(width, generator=torch.Generator().manual_seed(seed)), dim=0)


def name_of(parts: frozenset[int]) -> torch.Tensor:
    return random_unit(1000 + sum(2**part for part in parts))


def random_groups() -> list[Group]:
    return [Group(frozenset([i]), float(1 + 7 * i % 5), random_unit(i), name_of(frozenset([i]))) for i in range(12)]


def naive_merge(groups, threshold: float) -> list[tuple[set[int], float, list[float]]]:
    alive = [(set(g.parts), g.size, g.image.tolist(), g.name.tolist()) for g in groups]

    def cosine(a, b):
        return sum(x * y for x, y in zip(a, b, strict=True)) / math.hypot(*a) / math.hypot(*b)

    while True:
        best, pair = -math.inf, None
        for i in range(len(alive)):
            for j in range(i + 1, len(alive)):
                agreement = cosine(alive[i][2], alive[j][2]) / 2 + cosine(alive[i][3], alive[j][3]) / 2
                if agreement > best:
                    best, pair = agreement, (i, j)
        if pair is None or best < threshold:
            return [(parts, size, image) for parts, size, image, _ in alive]
        one, other = alive[pair[0]], alive[pair[1]]
        image = [a * one[1] + b * other[1] for a, b in zip(one[2], other[2], strict=True)]
        parts, size = one[0] | other[0], one[1] + other[1]
        alive[pair[0]] = (parts, size, [a / math.hypot(*image) for a in image], name_of(frozenset(parts)).tolist())
        del alive[pair[1]]


@pytest.mark.parametrize(("threshold", "left"), [(-1.1, 1), (0.0, None), (0.3, None), (0.6, None), (1.01, 12)])
def test_merging_equals_a_greedy_loop(threshold, left):
    merged, expected = merge(random_groups(), name_of, threshold), naive_merge(random_groups(), threshold)
    assert len(merged) == (left or len(expected))
    assert left or 1 < len(merged) < 12
    for group, (parts, size, image) in zip(merged, expected, strict=True):
        assert group.parts == parts
        assert group.size == pytest.approx(size)
        torch.testing.assert_close(group.image, torch.tensor(image), atol=1e-5, rtol=0)
        torch.testing.assert_close(group.name, name_of(group.parts))


def test_nothing_merges_above_one_and_everything_that_is_the_same_below():
    same = [Group(frozenset([i]), 1.0, unit(1, 0), unit(0, 1)) for i in range(4)]
    assert merge(same, lambda parts: unit(0, 1), 1.01) == same
    (one,) = merge(same, lambda parts: unit(0, 1), 0.99)
    assert one.parts == frozenset(range(4))
    assert one.size == 4


def test_what_merged_is_named_anew_and_may_merge_again():
    """Neither a nor b agrees with c, but both together are called as c is."""
    a, b, c = (
        Group(frozenset([0]), 1.0, unit(1, 0, 0), unit(1, 0)),
        Group(frozenset([1]), 1.0, unit(0.9, 0.1, 0), unit(1, 0)),
        Group(frozenset([2]), 1.0, unit(0.8, 0.6, 0), unit(0, 1)),
    )
    called = {frozenset([0, 1]): unit(0, 1), frozenset([0, 1, 2]): unit(0, 1)}
    assert [g.parts for g in merge([a, c], called.__getitem__)] == [{0}, {2}]
    assert [g.parts for g in merge([b, c], called.__getitem__)] == [{1}, {2}]
    assert [g.parts for g in merge([a, b, c], called.__getitem__)] == [{0, 1, 2}]
    assert [g.parts for g in merge([a, b, c], lambda parts: unit(1, 0))] == [{0, 1}, {2}]


def test_images_are_averaged_by_area():
    one, other = (
        Group(frozenset([i]), size, unit(*image), unit(1, 0)) for i, size, image in ((3, 3.0, (1, 0)), (5, 1.0, (0, 1)))
    )
    both = join(one, other, unit(0, 1))
    assert both.parts == {3, 5}
    assert both.size == 4
    torch.testing.assert_close(both.image, unit(3, 1))
    torch.testing.assert_close(both.name, unit(0, 1))


def test_one_group_stays_itself():
    (group,) = random_groups()[:1]
    assert merge([group], name_of, -2) == [group]
    assert merge([], name_of) == []
