import pytest

from reco_core.errors import NamesError
from reco_core.utils.names import MAX_NAMES, category_words, parse_names


def test_typed_names():
    assert parse_names(" cat ,  fire   extinguisher;Wall\n") == ("cat", "fire extinguisher", "Wall")


def test_duplicates_keep_the_first_spelling_and_the_order():
    assert parse_names("Dog, cat, dog, CAT, cat ") == ("Dog", "cat")


def test_any_script():
    assert parse_names("قطة, 猫，חתול, 🐈 cat") == ("قطة", "猫", "חתול", "🐈 cat")


def test_control_characters_become_spaces():
    assert parse_names("red\x00car\u202e") == ("red car",)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no names were given"),
        (" , ;,\n,", "no names were given"),
        ("🐈🐈", "no letters"),
        ("x" * 10_000, "10000 characters"),
        ("x" * 200, "too long"),
        (", ".join(f"name {i}" for i in range(500)), "Given: 500"),
    ],
)
def test_unusable_text_is_explained(text, says):
    with pytest.raises(NamesError, match=says) as caught:
        parse_names(text)
    assert len(str(caught.value)) < 400


def test_the_limits_themselves_are_fine():
    assert len(parse_names(",".join(f"n{i}" for i in range(MAX_NAMES)))) == MAX_NAMES
    assert parse_names("x" * 80) == ("x" * 80,)
    with pytest.raises(NamesError, match="at most 80 characters"):
        parse_names("x" * 81)


def test_names_that_differ_only_in_how_they_are_written_are_one():
    """Case as in every script, and letters with accents in one character or in two."""
    assert parse_names("Straße, STRASSE") == ("Straße",)
    assert parse_names("Cafe\u0301, caf\u00e9") == ("Caf\u00e9",)


@pytest.mark.parametrize(
    ("category", "word"),
    [
        ("sky-other-merged", "sky"),
        ("wall-brick", "brick wall"),
        ("floor-wood", "wood floor"),
        ("door-stuff", "door"),
        ("tree-merged", "tree"),
        ("tv monitor", "tv monitor"),
        ("traffic_light", "traffic light"),
        ("wall-other-merged", "wall"),
        ("cat", "cat"),
    ],
)
def test_category_words(category, word):
    assert category_words(category) == word
