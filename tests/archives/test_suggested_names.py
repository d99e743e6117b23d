from types import SimpleNamespace
from typing import Any

import pytest

from reco_core.archives.suggested_names import MOST, SuggestedNames, suggested_names

NAMES = SuggestedNames(
    ["cat", "car", "American black bear", "bear", "motorcycle", "black box", "café", "CAT", "Hot dog"]
)


def archive(*titles: str) -> Any:
    part = SimpleNamespace(records=SimpleNamespace(titles=lambda: iter(titles)))
    return SimpleNamespace(parts=[part])


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("ca", ["cat", "car", "café"]),
        ("CAT", ["cat"]),
        ("cafe", ["café"]),
        ("bear", ["bear", "American black bear"]),  # a name that begins so is before one in which a word does
        ("black b", ["black box", "American black bear"]),
        (" hot-d", ["Hot dog"]),
        ("zzz", []),
        ("  ,", []),
        ("", []),
    ],
)
def test_names_of_which_a_word_begins_as_typed(typed, found):
    assert NAMES.find(typed) == found


@pytest.mark.parametrize("typed", ["motorcylce", "motorcylc", "motrcycle", "motorccycle", "motorcicle"])
def test_one_slip_is_forgiven_where_nothing_begins_so(typed):
    assert NAMES.find(typed) == ["motorcycle"]


def test_what_was_typed_wholly_is_first_and_short_or_very_long_texts_have_no_slips():
    assert SuggestedNames(["cathedral", "cat"]).find("cat") == ["cat", "cathedral"]
    assert NAMES.find("caz") == [] and NAMES.find("motorcylce" * 5) == []


def test_the_visitors_names_come_first_and_chosen_ones_are_left_out():
    assert NAMES.find("ca", own=["my cat", "Camera"]) == ["Camera", "my cat", "cat", "car", "café"]
    assert NAMES.find("ca", own=["Cat"], without=["car", "CAFÉ"]) == ["Cat"]
    assert NAMES.find("motorc", without=["motorcycle"]) == []  # and no slips instead


def test_at_most_a_few_the_more_usual_first():
    many = SuggestedNames(f"thing {i}" for i in range(20_000))
    assert many.find("thing") == [f"thing {i}" for i in range(MOST)]
    assert many.find("thing", without=["thing 0", "thing 1"]) == [f"thing {i}" for i in range(2, MOST + 2)]


def test_the_lists_and_short_titles_are_offered():
    names = suggested_names(
        archive("zorbl", "Zorbl at night", "a caption of which zorblike is a word", "", "zorbit", "zorbit")
    )
    assert names.find("zorb") == ["zorbit", "zorbl", "Zorbl at night"]
    assert suggested_names().find("zorb") == []
    assert suggested_names().find("ca")[:2] == ["car", "cat"]
    assert suggested_names().find("motorcylce") == ["motorcycle"]
