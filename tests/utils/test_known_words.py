import pytest

from reco_core.utils.known_words import KnownNames, known_names, misspelt, usual_names

NAMES = KnownNames(("horse", "house", "course", "American black bear", "laptop", "elegant lily"))


def test_a_name_is_known_whatever_its_case_accent_and_number():
    assert all(map(NAMES.whole, ("horse", "Horses", "hörse", "american Black Bears", "black bear")))
    assert not any(map(NAMES.whole, ("American black", "horse house", "bear cub")))
    assert (NAMES.spelling("horses"), NAMES.spelling("cats")) == ("horse", "cats")
    assert NAMES.has("bears") and not NAMES.has("cat")


def test_the_likelier_slips_and_the_more_usual_names_are_first():
    assert NAMES.near("hourse", alone=True) == ("horse", "house")  # and not "course": a first letter is seldom wrong
    assert NAMES.near("labtops", alone=True) == ("laptops",)
    assert NAMES.near("elegnt", alone=True) == ()
    assert NAMES.near("elegnt", alone=False) == ("elegant",)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        *(("motorcylce", "motorcycle"), ("elephnat", "elephant"), ("giraff", "giraffe"), ("umbrela", "umbrella")),
        *(("keybord", "keyboard"), ("carot", "carrot"), ("tabel", "table"), ("Botle", "bottle")),
        *(
            ("piza", "pizza"),
            ("trafic light", "traffic"),
            ("golden retreiver", "retriever"),
            ("motorcylces", "motorcycles"),
        ),
    ],
)
def test_one_slip_from_a_known_word(typed, meant):
    assert [near[0] for _, near in misspelt(typed)] == [meant]


@pytest.mark.parametrize(
    "name",
    [
        "cat",
        "dogs",
        "singer",
        "dancer",
        "teacher",
        "selfie",
        "kat",
        "hund",
        "猫",
        "Fahrrad",
        "mp3",
        "tv",
        "hot dog",
        "woman",
    ],
)
def test_words_of_any_list_and_words_far_from_all_are_left_alone(name):
    assert list(misspelt(name)) == []


def test_the_bundled_lists_have_things_with_colours_and_numbers():
    names = (
        "hot dog",
        "red panda",
        "traffic light",
        "orange",
        "black bear",
        "two-spotted ladybug",
        "American Black Bears",
    )
    assert all(map(known_names().whole, names))
    assert not any(map(known_names().whole, ("red car", "two dogs", "black and", "bottle on the left")))


def test_what_else_a_model_calls_a_thing_is_no_part_of_its_name():
    offered = usual_names()
    assert {"man", "skateboarder", "tiger cat"} <= set(offered)
    assert not [name for name in offered if "," in name]
    assert max(map(offered.index, ("person", "sky", "hand"))) < offered.index("hotel"), "what mini knows is first"


def test_a_word_that_sounds_like_a_name():
    alike = {
        word: known_names().alike(word)[:1] for word in ("bycicle", "dolfin", "fone", "elefant", "singer", "bicycle")
    }
    assert alike == {
        **{"bycicle": ("bicycle",), "dolfin": ("dolphin",), "fone": ("phone",), "elefant": ("elephant",)},
        **{"singer": (), "bicycle": ()},
    }


def test_what_else_the_words_of_captions_are_called_is_known_and_offered():
    assert all(map(known_names().whole, ("aeroplane", "motorbike", "pedestrian")))
    assert {"aeroplane", "motorbike", "pedestrian"} <= set(usual_names())
