"""Photos found by titles: the phrase rule, the order, and indexes of any size."""

import logging
import math
from collections.abc import Sequence

import numpy as np
import pytest

from reco_core.archives.title_search import MOST, TitleIndex, search_titles
from reco_core.utils.words import words_of

TITLES = [
    "steel drum",
    "Drums",
    "a drum of steel",
    "Steel  DRUMS, blue",
    "hot dog",
    "dogs",
    "",
    "A dog and a dog on a hot day",
    "sea horse",
    "sea at night",
    "the sea",
    "Steel\ndrum kits beside a steel drum in a shop",
    "Žofie's žorblatt",
    "黄色い鳥",
]


def naive(titles: Sequence[str], name: str) -> list[tuple[int, float]]:
    """BM25 as its paper has it (Robertson et al.; Lucene's odds), among the titles in which the whole name stands."""
    asked, texts = words_of(name), {row: words_of(title) for row, title in enumerate(titles)}
    size = len(asked)
    hits = {
        row: text
        for row, text in texts.items()
        if asked and any(text[i : i + size] == asked for i in range(len(text) - size + 1))
    }
    mean = sum(map(len, hits.values())) / max(1, len(hits))
    scores = []
    for row, text in hits.items():
        score = 0.0
        for word in dict.fromkeys(asked):
            containing, count = sum(word in other for other in hits.values()), text.count(word)
            odds = math.log(1 + (len(hits) - containing + 0.5) / (containing + 0.5))
            score += odds * count / (count + 1.5 * (1 - 0.75 + 0.75 * len(text) / mean))
        scores.append((row, score))
    return sorted(scores, key=lambda found: (-found[1], found[0]))


def rows(name: str, titles: Sequence[str] = TITLES) -> list[int]:
    return search_titles([TitleIndex(titles)], name).rows.tolist()


@pytest.mark.parametrize(
    "name", ["steel drum", "drum", "dog", "hot dogs", "sea", "a", "zorblatt", "ŽORBLATTS", "鳥", "x"]
)
def test_order_and_scores_are_those_of_the_formula(name):
    found, expected = search_titles([TitleIndex(TITLES)], name), naive(TITLES, name)
    assert found.rows.tolist() == [row for row, _ in expected]
    np.testing.assert_allclose(found.scores, [score for _, score in expected], rtol=1e-4)


def test_the_whole_name_must_stand_in_the_title():
    assert set(rows("steel drum")) == {0, 3, 11}
    assert set(rows("hot dog")) == {4}
    assert set(rows("drum")) == {0, 1, 2, 3, 11}
    assert rows("zorblatt") == rows("žorblatts") == [12]
    assert rows("drum steel") == rows("") == rows("?!") == rows("elephant") == []
    assert rows("dog sea") == rows("drums a") == []  # which stand side by side in two titles


def test_short_titles_come_before_long_ones():
    assert rows("drum") == [1, 0, 3, 2, 11]
    assert rows("dog") == [5, 4, 7]


def test_a_name_within_a_longer_one_is_not_plain():
    found = search_titles([TitleIndex(TITLES)], "sea")
    assert dict(zip(found.rows.tolist(), found.plain.tolist(), strict=True)) == {8: False, 9: True, 10: True}
    assert search_titles([TitleIndex(["drums in a drum kit", "drum kits"])], "drum").plain.tolist() == [True, False]


def test_parts_are_searched_as_one():
    whole = search_titles([TitleIndex(TITLES)], "drum")
    parts = search_titles([TitleIndex(TITLES[:2]), TitleIndex([]), TitleIndex(TITLES[2:])], "drum")
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not len(search_titles([], "drum").rows)
    assert not len(search_titles([TitleIndex([]), TitleIndex(["", ""])], "drum").rows)


def test_a_hundred_thousand_titles():
    """Ten of them are called so; and a word that most of them have is compared in the shortest alone."""
    titles = [f"photo {i % 977} of a dog{' on the grass' * (i % 3)}" for i in range(100_000)]
    rare = list(range(7, 100_000, 10_001))
    for i in rare:
        titles[i] = f"zorblatt {i}"
    index = TitleIndex(titles)
    assert len(index) == 100_000
    assert search_titles([index], "Zorblatts").rows.tolist() == rare
    common = search_titles([index], "dog")
    assert len(common.rows) == MOST
    assert all(titles[row].endswith("dog") for row in common.rows)


def test_the_library_prints_nothing(capfd, caplog):
    with caplog.at_level(logging.INFO):
        assert len(rows("drum")) == 5
    assert capfd.readouterr() == ("", "")
    assert not caplog.records
