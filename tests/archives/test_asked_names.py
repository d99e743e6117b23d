from types import SimpleNamespace
from typing import Any

import pytest

from reco_core.archives.asked_names import understand
from reco_core.archives.title_search import TitleIndex, search_titles
from reco_core.errors import NamesError


def archive(*titles: str) -> Any:
    """As much of an archive as names ask of it."""
    index = TitleIndex(titles)
    records = [SimpleNamespace(title=title) for title in titles]
    return SimpleNamespace(records=records, called=lambda name: search_titles([index], name))


def test_colours_places_and_numbers_are_remarked_upon():
    asked = understand("red car, two dogs on the left, hot dog", archive())
    assert asked.names == ("car", "dog", "hot dog")
    assert asked.remarks == (
        '"red car": "car" is looked for; colours are not understood',
        '"two dogs on the left": "dog" is looked for; places and numbers are not understood',
    )


def test_what_comes_to_the_same_thing_is_looked_for_once():
    asked = understand("red car, car, a car, blue car", archive())
    assert asked.names == ("car",) and len(asked.remarks) == 2


@pytest.mark.parametrize("text", ["not a cat", "dog, no cat", "dog but not cat"])
def test_negations_are_said_to_be_not_understood(text):
    with pytest.raises(NamesError, match="a negation is not understood"):
        understand(text, archive("cat"))


def test_misspelt_words_are_asked_back():
    with pytest.raises(NamesError, match=r"Given: 'motorcylce'\. Did you mean .motorcycle.\?"):
        understand(["dog", "motorcylce"], archive())
    with pytest.raises(NamesError, match='"fire extinguisher"'):
        understand("fire extingiusher", archive())
    with pytest.raises(NamesError, match='"horse" or "house"'):
        understand("red hourse", archive())


def test_a_name_in_quotes_a_taught_one_and_a_title_stay_as_they_are():
    names = ("red car", "motorcylce", "no cat")
    for asked in (
        understand(", ".join(f'"{name}"' for name in names), archive()),
        understand(names, archive(), own=["Red Car", "motorcylce", "no cat"]),
        understand(names, archive("Red cars", "motorcylce", "no cat")),
    ):
        assert asked == (names, ())


def test_a_word_of_a_title_is_never_corrected():
    assert understand("motorcylce, red motorcylce", archive("a motorcylce at night")).names == ("motorcylce",)
    with pytest.raises(NamesError, match="Did you mean"):
        understand("motorcylce", archive("motorcylces2"))
