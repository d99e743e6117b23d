import pytest

from reco_core.errors import NamesError
from reco_core.utils.names import MAX_NAMES, category_words, clean_names, join_names, parse_names, quoted_names


def test_typed_names():
    assert parse_names(" cat ,  fire   extinguisher;Wall\n") == ("cat", "fire extinguisher", "Wall")


@pytest.mark.parametrize(
    "text",
    [
        *("cat . dog .", "cat. dog", "cat.dog", "cat | dog", "cat|dog|", "cat\ndog\n", "cat\r\ndog", "cat\u2028dog"),
        *("1. cat\n2. dog", "- cat\n- dog", "• cat\n• dog", "cat。dog", "ｃａｔ，ｄｏｇ", "cat｜dog", "cat... dog"),
        *(
            "cat🐈, 🐕 dog",
            "❤️cat, 👩\u200d🚀dog",
            "c\u200bat, d\u00ado\ufeffg",
            "cat\ufe0f; dog👍🏽",
            '"cat", dog',
            '"cat, dog',
        ),
    ],
)
def test_whatever_stands_between_them_or_sticks_to_them(text):
    assert parse_names(text) == ("cat", "dog")


@pytest.mark.parametrize(
    "name", ["St. Bernard", "U.S. flag", "0.5 l bottle", 'a 24" tv', "lady's slipper", "read/write head"]
)
def test_marks_within_a_name_stay(name):
    assert parse_names(f"{name}, cat") == (name, "cat")


@pytest.mark.parametrize("quotes", ['""', "“”", "„“", "«»", "''", "‘’"])
def test_quotes_protect_what_separates(quotes):
    text = f"cat, {quotes[0]}bow, tie. | x{quotes[1]} ; dog"
    assert parse_names(text) == ("cat", "bow, tie. | x", "dog")
    assert quoted_names(text) == {"bow, tie. | x"}


def test_joined_names_are_read_as_they_were():
    names = ("cat", "bow, tie", "cat.dog", "St. Bernard", "lady's slipper", "a | b")
    assert parse_names(join_names(names)) == names
    assert join_names(["cat", "bow, tie"]) == 'cat, "bow, tie"'


def test_quotes_that_never_end_are_no_part_of_a_name():
    assert parse_names('"cat,' * 1600) == ("cat",)


def test_separate_names_may_come_in_one_text_or_in_any_collection():
    assert clean_names("cat, wall") == clean_names(["cat", "wall"]) == clean_names(n for n in ("cat", "wall"))
    assert clean_names(["bow, tie"]) == ("bow, tie",)


@pytest.mark.parametrize("names", [[1], ["cat", None], 5, None, b"cat", [b"cat"]])
def test_what_is_no_text_is_explained(names):
    with pytest.raises(NamesError, match=r'Expected: .*\["cat", "wall"\]'):
        clean_names(names)


def test_duplicates_keep_the_first_spelling_and_the_order():
    assert parse_names("Dog, cat, dog, CAT, cat ") == ("Dog", "cat")


def test_any_script():
    assert parse_names("قطة, 猫，חתול, 🐈 cat") == ("قطة", "猫", "חתול", "cat")


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
