"""Words of captions: what is a noun, what covers what, and what may share a pixel."""

import numpy as np
import pytest


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
    assert captions.vocabulary(photos, []) == ["dog"]  # grass: 4 of the 9 that it takes
    assert captions.vocabulary(photos * 3, []) == ["dog", "grass"]
    scenes = [tool("scenes").Scene(("leaves", "plain"), ("sea",))] * 9
    assert captions.vocabulary(photos, scenes) == ["dog", "leaf"]  # plain is no thing, of the sea nobody is sure


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
