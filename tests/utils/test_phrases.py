import pytest

from reco_core.utils.phrases import is_negation, read_phrase

THINGS = {
    "car",
    "dog",
    "dogs",
    "cat",
    "cats",
    "bottle",
    "sofa",
    "man",
    "red panda",
    "black bear",
    "right whale",
    "window",
}
THINGS |= {"corner", "traffic light", "house", "hole in the wall", "orange", "mice", "cars"}


def known(name: str) -> bool:
    return name.casefold() in THINGS


@pytest.mark.parametrize(
    ("name", "noun", "said"),
    [
        ("red car", "car", ["colours"]),
        ("dark blue car", "car", ["colours"]),
        ("big red car", "car", ["colours"]),
        ("black and white cat", "cat", ["colours"]),
        ("black-and-white cat", "cat", ["colours"]),
        ("red coloured car", "car", ["colours"]),
        ("orange cat", "cat", ["colours"]),
        ("man in red", "man", ["colours"]),
        ("bottle on the left", "bottle", ["places"]),
        ("left bottle", "bottle", ["places"]),
        ("bottle top left", "bottle", ["places"]),
        ("the leftmost bottle", "bottle", ["places"]),
        ("top left window", "window", ["places"]),
        ("lower left corner", "corner", ["places"]),
        ("dog in front of the house", "dog", ["places"]),
        ("cat next to a dog", "cat", ["places"]),
        ("cat on sofa", "cat", ["places"]),
        ("man sitting on a sofa", "man", ["places"]),
        ("two dogs", "dogs", ["numbers"]),
        ("3 dogs", "dogs", ["numbers"]),
        ("a couple of dogs", "dogs", ["numbers"]),
        ("several frobs", "frobs", ["numbers"]),
        ("second car from the left", "car", ["places", "numbers"]),
        ("2 red cars on the right", "cars", ["places", "numbers", "colours"]),
        ("a cat", "cat", []),
    ],
)
def test_the_thing_is_found_and_what_else_was_said(name, noun, said):
    assert read_phrase(name, known) == (noun, tuple(said))


@pytest.mark.parametrize(
    "name",
    [
        *("red panda", "black bear", "Black Bear", "right whale", "orange", "traffic light", "hole in the wall"),
        *("black bear cub", "two-spotted ladybird", "red", "seven", "left", "orange slice", "Golden Gate Bridge"),
        *("first aid kit", "two piece swimsuit", "front door", "light bulb", "drive in theater", "red-haired woman"),
    ],
)
def test_names_of_things_stay_whole(name):
    assert read_phrase(name, known) == (name, ())


@pytest.mark.parametrize(
    ("name", "negation"),
    [
        *((n, True) for n in ("not a cat", "no cat", "Not dogs", "dog but not cat", "everything but the cat")),
        *((n, True) for n in ("woman without hat", "all except dogs", "isn't a cat", "non cat")),
        *(
            (n, False)
            for n in ("cat", "notebook", "knot", "forget-me-not", "non-stick pan", "no smoking sign", "North")
        ),
    ],
)
def test_negations(name, negation):
    assert is_negation(name) is negation
