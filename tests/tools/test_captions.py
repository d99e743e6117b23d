"""Words of captions: what is a noun, what covers what, and what may share a pixel."""

import numpy as np
import pytest

# offset, file, part of speech, lemmas in hexadecimal, lemma and id, pointers, then the gloss
DATA = """  1 a line of the licence
00000001 03 n 01 animal 0 000 | a living thing
00000002 05 n 02 dog 0 domestic_dog 0 001 @ 00000001 n 0000 | it barks
00000003 18 n 01 person 0 000 | a human being
00000004 18 n 02 man 0 adult_male 0 001 @ 00000003 n 0000 | a grown one
00000005 20 n 01 grass 0 000 | it is green
00000006 13 n 02 hot_dog 0 frankfurter 0 000 | to eat
00000007 04 n 01 run 0 000 | an act
00000008 18 n 01 boy 0 001 @i 00000003 n 0000 | a young one
00000009 06 n 01 shirt 0 001 @ 00000010 n 0000 | to wear
00000010 06 n 01 clothing 0 000 | what is worn
"""
INDEX = """  1 a line of the licence
animal n 1 1 ~ 1 0 00000001
boy n 1 1 @ 1 0 00000008
clothing n 1 1 ~ 1 0 00000010
dog n 2 1 @ 2 1 00000002 00000001
domestic_dog n 1 1 @ 1 0 00000002
adult_male n 1 1 @ 1 0 00000004
frankfurter n 1 1 @ 1 0 00000006
grass n 1 1 @ 1 0 00000005
hot_dog n 1 1 @ 1 0 00000006
man n 1 1 @ 1 0 00000004
person n 1 1 ~ 1 0 00000003
run n 1 1 ~ 1 0 00000007
shirt n 1 1 @ 1 0 00000009
"""
USES = "run%1:04:00:: 1 3\nrun%2:38:00:: 1 90\ndog%1:05:00:: 1 42\n"


@pytest.fixture
def nouns(tool, tmp_path):
    for name, text in {"data.noun": DATA, "index.noun": INDEX, "noun.exc": "men man\n", "cntlist.rev": USES}.items():
        (tmp_path / name).write_text(text)
    return tool("wordnet").Nouns(tmp_path)


def test_hypernyms(nouns):
    assert nouns.above("00000004") == {"00000004", "00000003"}
    assert nouns.above("00000008") == {"00000008", "00000003"}


def test_a_word_covers_the_classes_below_its_two_most_frequent_senses(nouns):
    classes = [nouns.above("00000002"), nouns.above("00000008"), nouns.above("00000001")]
    assert nouns.covered("dog", classes) == {0, 2}
    assert nouns.covered("person", classes) == {1}
    assert nouns.covered("unheard of", classes) == set()


@pytest.mark.parametrize(
    ("word", "singular"),
    [("men", "man"), ("dogs", "dog"), ("dog", "dog"), ("grass", "grass"), ("hot dogs", "hot dog"), ("xyz", None)],
)
def test_singulars(nouns, word, singular):
    assert nouns.singular(word) == singular


def test_sentences_become_things(tool, nouns):
    reader = tool("captions").Reader(nouns)
    assert reader.words("Two men run with dogs on the GRASS.") == {"man", "dog", "grass"}  # to run is mostly a verb
    assert reader.words("a boy eats hot dogs") == {"boy", "hot dog"}  # and no dog is there
    assert reader.words("") == set()
    assert reader.shares(["a man", "a man and a boy"]) == {"man": 1.0, "boy": 0.5}


def described(tool, words: dict, complete: bool = True):
    return tool("captions").Described("a.tar", "a.jpg", words, complete, False)


def test_a_boy_is_a_person(tool, nouns):
    captions = tool("captions")
    photos = [described(tool, {"boy": 0.6, "grass": 0.2}), described(tool, {"man": 1.0}), described(tool, {})]
    found = captions.targets(photos, ["person", "grass", "boy"], nouns)
    assert found == pytest.approx(np.array([[0.6, 0.2, 0.6], [1, 0, 0], [0, 0, 0]]))


def test_words_that_enough_photos_mention(tool):
    captions = tool("captions")
    photos = [described(tool, {"dog": 1.0, "grass": 0.4})] * 10
    assert captions.vocabulary(photos) == ["dog"]  # grass: 4 of the 9 that it takes
    assert captions.vocabulary(photos * 3) == ["dog", "grass"]


def test_what_may_share_a_pixel(tool, nouns):
    words = ["person", "man", "boy", "dog", "grass", "shirt"]
    excludes = tool("captions").exclusive(words, nouns)
    assert not excludes.diagonal().any()
    assert (excludes == excludes.T).all()
    pairs = {(words[i], words[j]) for i, j in zip(*excludes.nonzero(), strict=True)}
    assert {("person", "dog"), ("dog", "grass"), ("boy", "grass")} <= pairs
    assert not {("person", "man"), ("man", "boy"), ("shirt", "man"), ("shirt", "grass")} & pairs


def test_synonyms_mean_mostly_this(tool, nouns):
    captions = tool("captions")
    assert captions.synonyms("dog", nouns) == ["domestic dog"]
    assert "pedestrian" in captions.synonyms("person", nouns)
    assert captions.synonyms("xyz", nouns) == []
