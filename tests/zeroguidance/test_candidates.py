"""Which names compete in discovery."""

from types import SimpleNamespace

import numpy as np
import scipy.sparse

from reco_core.zeroguidance import candidates


def test_words_that_say_most_somewhere_are_seen_the_largest_first():
    words = ("sky", "Sofa", "zorbl", "cup", "floor")
    areas = np.array([0.2, 0.5, 0.2, candidates.LEAST_SEEN / 2, 0.1])
    assert candidates.seen_names(words, areas, {"sky", "sofa", "cup", "floor"}) == ["Sofa", "sky", "floor"]
    assert candidates.seen_names(words, np.zeros(5), {"sky"}) == []


def test_names_are_read_by_probability_and_area():
    """Three segments: surely a cat, small; rather a dog, large; surely a dog, tiny."""
    vocabulary = SimpleNamespace(names=("cat", "dog", "thing"), information=np.array([3.0, 3.0, 0.0]))
    pooled = np.array([[0.8, 0.1, 0.9], [0.2, 0.5, 0.7], [0.0, 0.9, 0.9]])
    areas = np.array([0.04, 0.64, 0.01])
    assert candidates.read_names(pooled, areas, vocabulary) == ["dog", "cat"]  # 0.5 x 0.8 and 0.8 x 0.2
    assert candidates.read_names(pooled, areas[[1, 0, 2]], vocabulary) == ["cat", "dog"]


def test_a_name_that_a_seen_one_is_a_kind_of_does_not_compete():
    names = ("dog", "canine", "cat", "puppy")
    below = np.eye(4)
    below[1, 0] = below[1, 3] = below[0, 3] = 1  # dogs and puppies are canines, puppies are dogs
    vocabulary, rows = SimpleNamespace(below=scipy.sparse.csr_matrix(below)), {name: i for i, name in enumerate(names)}
    read = ["canine", "cat", "dog", "puppy"]
    assert candidates.without_general(read, ["dog"], vocabulary, rows) == ["cat", "puppy"]  # "dog" is there already
    assert candidates.without_general(read, [], vocabulary, rows) == read


def test_what_is_seen_comes_first_and_the_rest_is_filled_up():
    read = [f"name {i}" for i in range(20)]
    assert candidates.choose(["Cat", "wall"], ["cat", *read], {"wall"}) == ("Cat", *read[: candidates.CANDIDATES - 1])
    many = [f"word {i}" for i in range(candidates.CANDIDATES + 3)]
    assert candidates.choose(many, read, set()) == tuple(many)
    assert candidates.choose([], [], {"wall"}) == ()
