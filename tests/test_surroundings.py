"""Which background words compete with what was asked for."""

import pytest

from reco_core.methods import BACKGROUND_WORDS
from reco_core.surroundings import competing


@pytest.mark.parametrize(
    ("asked", "out"),
    [
        ("cat", set()),
        ("Trees", {"tree"}),
        ("water", {"water", "sea"}),
        ("house", {"wall", "window", "door", "building"}),
        ("boat", set()),
        ("lawns", {"grass"}),
        ("Swimming pool", {"water"}),
    ],
)
def test_what_means_the_same_does_not_compete(asked, out):
    assert set(BACKGROUND_WORDS) - set(competing(BACKGROUND_WORDS, [asked, "giraffe"])) == out


def test_order_and_words_of_ones_own_stay():
    assert competing(("lamp", "sea", "Cat"), ("cat",)) == ("lamp", "sea")
