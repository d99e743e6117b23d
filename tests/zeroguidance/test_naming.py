"""Names of segments against the formulas, by loops over words."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from reco_core.zeroguidance import naming
from reco_core.zeroguidance.vocabulary import Vocabulary, Words, user_words

# thing, animal, pet, dog (an animal and a pet), terrier, hound, cat (likewise), rock, pet rock (a rock and a pet)
KINDS = ((), (0,), (0,), (1, 2), (3,), (3,), (1, 2), (0,), (7, 2))


def vocabulary(kinds: tuple[tuple[int, ...], ...] = KINDS) -> Vocabulary:
    count = len(kinds)
    embeddings = F.normalize(torch.randn(count, 6, generator=torch.Generator().manual_seed(0)), dim=-1)
    return Vocabulary.of(Words(tuple(f"word {i}" for i in range(count)), np.arange(count), kinds), embeddings)


def is_kind(kinds, word: int, of: int) -> bool:
    return word == of or any(is_kind(kinds, parent, of) for parent in kinds[word])


def large_kinds(count: int = 70) -> tuple[tuple[int, ...], ...]:
    """A tree with 70 words, some with a second parent."""
    return tuple(() if i == 0 else tuple({(i - 1) // 3, (i - 1) // 5}) for i in range(count))


def test_probabilities_equal_the_formula():
    words, segments = vocabulary(), F.normalize(torch.randn(4, 6, generator=torch.Generator().manual_seed(1)), dim=-1)
    actual = naming.probabilities(segments, words.embeddings, words.words.counts, 0.2)
    assert actual.shape == (4, 9)
    for segment, row in zip(segments, actual, strict=True):
        likely = [
            math.exp(float(segment @ word) / 0.2) * (1 + count)
            for word, count in zip(words.embeddings, words.words.counts, strict=True)
        ]
        np.testing.assert_allclose(row, np.array(likely) / sum(likely), rtol=1e-4)


@pytest.mark.parametrize("kinds", [KINDS, large_kinds()])
def test_kinds_are_added_up_once_each_and_say_less(kinds):
    count = len(kinds)
    words = vocabulary(kinds)
    probability = np.random.default_rng(2).dirichlet(np.ones(count), 3)
    pooled = naming.add_kinds(probability, words.below)
    assert pooled.shape == (3, count)
    for word in range(count):
        below = [other for other in range(count) if is_kind(kinds, other, word)]
        np.testing.assert_allclose(pooled[:, word], sum(probability[:, other] for other in below), rtol=1e-5)
        assert words.information[word] == pytest.approx(1 - math.log(len(below)) / math.log(count), abs=1e-6)


def test_the_name_is_the_best_bargain_and_never_a_vague_one():
    kinds, count = large_kinds(), 70
    words = vocabulary(kinds)
    sizes = [sum(is_kind(kinds, other, word) for other in range(count)) for word in range(count)]
    pooled = naming.add_kinds(np.random.default_rng(3).dirichlet(np.full(count, 0.1), 50), words.below)
    expected, greedy = [], []
    for row in pooled:
        rewards = [
            probability * (1 - math.log(size) / math.log(count)) if size / count <= 0.05 else -1
            for probability, size in zip(row, sizes, strict=True)
        ]
        expected.append(rewards.index(max(rewards)))
        greedy.append(int(row.argmax()))
    assert naming.choose_names(pooled, words.information).tolist() == expected
    assert expected != greedy
    assert len({*expected}) > 10


def test_kinds_that_share_a_probability_are_called_by_what_they_have_in_common():
    words = vocabulary(tuple((20,) if i in (40, 41) else () for i in range(70)))
    probability = np.zeros((2, 70))
    probability[0, [40, 41, 3]] = 0.36, 0.34, 0.3  # together they are surer than either
    probability[1, [40, 41, 3]] = 0.66, 0.04, 0.3  # one has nearly all: the general name would say less
    assert naming.choose_names(naming.add_kinds(probability, words.below), words.information).tolist() == [20, 40]


def test_where_all_names_are_vague_the_likeliest_is_taken():
    words = vocabulary()  # a ninth of nine words is more than a twentieth
    pooled = np.array([[0.1] * 8 + [0.2], [0.3] + [0.1] * 8])
    assert naming.choose_names(pooled, words.information).tolist() == [8, 0]


def test_a_vocabulary_of_one_word_names_everything_with_it():
    words = Vocabulary.of(user_words(["cat"]), torch.eye(1, 4))
    probability = naming.probabilities(
        F.normalize(torch.randn(3, 4), dim=-1), words.embeddings, words.words.counts, 0.1
    )
    np.testing.assert_allclose(probability, np.ones((3, 1)))
    assert words.information.tolist() == [1.0]
    assert naming.choose_names(naming.add_kinds(probability, words.below), words.information).tolist() == [0, 0, 0]


def naive_settle(probability: list[float], kinds) -> tuple[int, float]:
    """From the most general names downwards, by recursion."""
    count = len(probability)
    share = [sum(probability[j] for j in range(count) if is_kind(kinds, j, i)) for i in range(count)]
    below = [[j for j in range(count) if j != i and is_kind(kinds, j, i)] for i in range(count)]

    def descend(i: int) -> int:
        kept = max(below[i], key=lambda j: share[j], default=None)
        return i if kept is None or share[kept] < 0.5 * share[i] else descend(kept)

    best = descend(max((i for i in range(count) if not kinds[i]), key=lambda i: share[i]))
    return best, share[best]


def matrix(kinds) -> np.ndarray:
    return np.array([[i != j and is_kind(kinds, j, i) for j in range(len(kinds))] for i in range(len(kinds))])


@pytest.mark.parametrize("kinds", [KINDS, ((), (), (), ()), ((), (), (0, 1), (0,), (2,), (), (5, 1), (2, 6))])
def test_settling_equals_the_plain_rule(kinds):
    rng, winners = np.random.default_rng(5), set()
    for _ in range(200):
        probability = rng.dirichlet(np.full(len(kinds), 0.3)).tolist()
        winner, sure = naming.resolve_kinds(probability, matrix(kinds))
        expected, share = naive_settle(probability, kinds)
        assert winner == expected
        assert sure == pytest.approx(share)
        winners.add(winner)
    assert len(winners) >= len(kinds) / 2


@pytest.mark.parametrize(
    ("probability", "winner", "sure"),
    [
        ({"terrier": 0.3, "dog": 0.2, "cat": 0.4}, "terrier", 0.3),
        ({"terrier": 0.2, "hound": 0.2, "dog": 0.1, "cat": 0.3}, "dog", 0.5),
        ({"terrier": 0.2, "dog": 0.2, "cat": 0.5}, "cat", 0.5),
        ({"cat": 1.0}, "cat", 1.0),
    ],
)
def test_settling_by_example(probability, winner, sure):
    names = list(probability)
    kind = np.array([[one == "dog" and other in ("terrier", "hound") for other in names] for one in names])
    row, share = naming.resolve_kinds(list(probability.values()), kind)
    assert names[row] == winner
    assert share == pytest.approx(sure)
