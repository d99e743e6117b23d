"""Discovery on real photos with the preset mini."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import skimage.data
import torch
from support.recorder import Recorder

from reco_core.errors import Cancelled, OptionError, PhotoError
from reco_core.pipeline import ReCo
from reco_core.segmentation import refinement
from reco_core.types import MAX_LABELS, Discovery
from reco_core.zeroguidance import discovery
from reco_core.zeroguidance.clustering import Tree
from reco_core.zeroguidance.discovery import BACKGROUND, MOST_PARTS, Discoverer, Reading
from reco_core.zeroguidance.embedding import embed_words
from reco_core.zeroguidance.vocabulary import load_vocabulary, user_words

FEW, FINE = 6, ("rocket", "one colour")


@pytest.fixture(scope="module")
def discoverer(reco) -> Discoverer:
    return Discoverer(reco)


CAT = skimage.data.chelsea()
PHOTOS = {
    "cat": CAT,
    "coffee": skimage.data.coffee(),
    "astronaut": skimage.data.astronaut(),
    "rocket": skimage.data.rocket(),
    "text": np.stack([skimage.data.page()] * 3, -1),
    "one colour": np.full((200, 300, 3), 90, np.uint8),
    "least": CAT[100:116, 100:116].copy(),
    "long": CAT[100:116, 100:400].copy(),
    "grey": np.stack([skimage.data.coins()] * 3, -1),
}


@pytest.fixture(scope="module")
def read(discoverer) -> Callable[[str], Reading]:
    """Real photos and odd ones, each read once; some only in `FEW` parts at the finest, which is quicker."""

    @cache
    def once(name: str) -> Reading:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(discovery, "MOST_PARTS", MOST_PARTS if name in FINE else FEW)
            return discoverer.read(PHOTOS[name])

    return once


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(discovery, "MOST_PARTS", FEW)


@pytest.fixture
def own(reco, tmp_path, monkeypatch):
    """A discoverer with a user's own words."""
    monkeypatch.setenv("RECO_CACHE", str(tmp_path))
    return lambda words, *background: Discoverer(reco, load_vocabulary(reco.encoder, user_words(words)), *background)


def is_whole(found: Discovery, size: tuple[int, ...]) -> bool:
    """Every pixel has a segment, every segment pixels, every name one segment."""
    count = len(found.segments)
    return (
        found.labels.shape == size
        and found.labels.dtype == np.uint8
        and np.unique(found.labels).tolist() == list(range(1, count + 1))
        and len({name.casefold() for name in found.names}) == count
        and found.embeddings.shape[0] == count
    )


def same(one: Discovery, other: Discovery) -> bool:
    return (
        np.array_equal(one.labels, other.labels)
        and one.segments == other.segments
        and torch.equal(one.embeddings, other.embeddings)
    )


def test_a_cat_is_found_and_named(discoverer, read):
    found = discoverer.divide(read("cat"))
    shares = {name: found.share(i) for i, name in enumerate(found.names, 1)}
    assert shares["cat"] > 0.5
    assert found.segments[found.names.index("cat")].confidence > 0.8
    assert set(found.timings) == {"encode", "parts", "read", "learn", "divide"}


def test_coffee_and_a_rockets_sky_are_found(discoverer, read):
    """By names that hold whatever else is learned: of the cup, the middle of the photo; of the sky, its top."""
    coffee, rocket = discoverer.divide(read("coffee")), discoverer.divide(read("rocket"))
    middle = coffee.names[coffee.labels[200, 300] - 1]
    assert any(word in middle for word in ("coffee", "cup", "espresso", "cappuccino"))
    assert rocket.names[rocket.labels[20, 320] - 1] == "sky"


SLOW = ("astronaut", "text", "grey")


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow if n in SLOW else ()) for n in PHOTOS])
def test_any_photo_is_divided_into_any_number_of_parts(discoverer, read, name):
    reading, counts = read(name), []
    for parts in (1, 2, 7, MOST_PARTS) if name in ("coffee", "astronaut") else range(1, MOST_PARTS + 1):
        found = discoverer.divide(reading, parts)
        assert is_whole(found, reading.size)
        assert len(found.segments) <= parts
        assert all(0 < segment.confidence <= 1 + 1e-6 for segment in found.segments)
        assert all(segment.name not in dict(segment.others) for segment in found.segments)
        assert set(found.names) <= {*reading.names}
        torch.testing.assert_close(found.embeddings.norm(dim=1), torch.ones(len(found.segments)))
        counts.append(len(found.segments))
    assert counts[0] == 1
    assert max(counts) > 1 or name in ("cat", "text", "one colour", "least")


def test_names_are_embedded_in_the_space_of_segments(reco, read):
    reading = read("rocket")
    torch.testing.assert_close(reading.words.norm(dim=1), torch.ones(len(reading.names)), atol=1e-4, rtol=0)
    said = embed_words(reco.encoder, reading.names)
    assert (said * reading.words).sum(1).min() > 0.99
    assert set(BACKGROUND) <= set(reading.names)  # whatever is guessed


def test_discovering_is_reading_and_dividing_and_each_time_the_same(reco, read, few):
    again, reading = Discoverer(reco), read("astronaut")
    found = again.discover(skimage.data.astronaut(), 5)
    assert same(found, again.divide(reading, 5))
    assert not same(found, again.divide(reading, 2))


@pytest.mark.parametrize("parts", [0, 21, -1])
def test_other_numbers_of_parts_are_refused_before_anything_is_read(discoverer, read, parts):
    with pytest.raises(OptionError, match="1 to 20"):
        discoverer.discover(None, parts)
    with pytest.raises(OptionError, match="1 to 20"):
        discoverer.divide(read("cat"), parts)


@pytest.fixture(scope="module")
def halves(cat) -> np.ndarray:
    """Two parts that something else found: quicker to read than twenty and all that they make."""
    return (np.indices(cat.shape[:2])[1] > 200).astype(int)


def test_own_words_compete_with_the_background(own, cat, halves):
    words = ["Cat", "bicycle", "fire hydrant"]
    discoverer = own(words, ("Wall", "CAT", "sky"))
    found = discoverer.divide(discoverer.read(cat, regions=halves))
    assert {name.casefold() for name in found.names} == {"cat"}
    told = {name for segment in found.segments for name in (segment.name, *dict(segment.others))}
    assert told <= {*words, "Wall", "CAT", "sky"}
    assert told & {"Wall", "sky"}


def test_own_words_alone(own, cat, few):
    found = own(["dog", "cat"], ()).discover(cat, FEW)
    assert is_whole(found, cat.shape[:2])
    assert set(found.names) <= {"cat", "dog"}
    assert found.share(found.names.index("cat") + 1) > 0.9


def test_one_word_that_is_background_too_names_everything(own, cat, halves):
    discoverer = own(["Sky"], ("sky",))
    found = discoverer.divide(discoverer.read(cat, regions=halves))
    assert [segment.name.casefold() for segment in found.segments] == ["sky", "sky"]
    assert [segment.confidence for segment in found.segments] == [1, 1]


def test_parts_that_something_else_found_stay_as_they_are(discoverer, cat):
    regions = np.zeros(cat.shape[:2], np.int64)
    regions[:, 200:], regions[100:200, 150:300], regions[0, 0] = 7, 3, 90
    found = discoverer.divide(discoverer.read(cat, regions=regions), 1)
    assert len(found.segments) == 4
    np.testing.assert_array_equal(found.labels, np.searchsorted([0, 3, 7, 90], regions) + 1)
    assert found.names[1] == "cat"  # of the middle of its face


def test_a_grey_photo_is_read_and_what_is_none_is_refused(discoverer, cat):
    with pytest.raises(Cancelled):  # its parts are found; that suffices
        discoverer.read(cat[::2, ::2, 0] / 255, control=Recorder(2))
    with pytest.raises(PhotoError, match="shape of a photo"):
        discoverer.discover(np.zeros((4, 40, 40, 3), np.uint8))


def test_stages_are_reported_and_can_be_cancelled_between(discoverer, cat):
    control = Recorder(2)
    with pytest.raises(Cancelled, match="discovery was stopped"):
        discoverer.read(cat, control=control)
    assert control.reports == [("looking for parts", 0, 3), ("reading the parts", 1, 3)]


def test_wrong_parts_from_elsewhere_are_refused(discoverer, cat):
    with pytest.raises(OptionError, match="regions has the wrong shape"):
        discoverer.read(cat, regions=np.zeros((300, 450), int))
    many = np.arange(300 * 451).reshape(300, 451) % (MAX_LABELS + 1)
    with pytest.raises(OptionError, match="too many regions"):
        discoverer.read(cat, regions=many)


def test_names_stay_unique_where_a_union_is_read_otherwise_than_its_pieces(discoverer):
    """Pieces 0 and 1 are read as dogs and look unlike; together they are read as a cat, which piece 2 is as well."""
    parts = np.repeat(np.arange(3), 10)[None].repeat(30, 0)
    nodes = {frozenset(p): row for row, p in enumerate([(0,), (1,), (2,), (0, 1), (0, 1, 2)])}
    dog, cat = (1.0, 0.0), (0.0, 1.0)
    reading = Reading(
        photo=np.full((30, 30, 3), 90, np.uint8),
        size=(30, 30),
        tree=Tree(parts, ((0, 1), (2, 3))),
        nodes=nodes,
        embeddings=torch.eye(5),
        names=("dog", "cat"),
        words=torch.eye(2),
        belongs=torch.tensor(20.0 * (parts == np.arange(3)[:, None, None])).float().log_softmax(0),
        said=np.zeros((2, 3)),
        areas=np.full(3, 300),
        read=np.array([dog, dog, cat, cat, cat]),
        kind=np.zeros((2, 2), bool),
    )
    assert is_whole(discoverer.divide(reading, 3), (30, 30))


@pytest.mark.parametrize(("width", "stays"), [(1, False), (8, True)])
def test_a_segment_that_is_too_small_falls_to_its_neighbour(discoverer, monkeypatch, width, stays):
    """Below a two-hundredth of the photo: 1 and 8 of 100 columns, on a tenth of the rows."""
    monkeypatch.setattr(refinement, "refine", lambda photo, scores: scores.argmax(0))  # it takes small ones away itself
    parts = np.zeros((100, 100), int)
    parts[:, 50:], parts[45:55, 50 - width : 50] = 1, 2
    looks = torch.eye(3)
    names = ("cat", "dog", "bird")
    reading = Reading(
        photo=(parts[..., None] * 100).astype(np.uint8).repeat(3, -1),
        size=(100, 100),
        tree=Tree(parts, ((0, 1), (2, 3))),
        nodes={frozenset(p): row for row, p in enumerate([(0,), (1,), (2,), (0, 1), (0, 1, 2)])},
        embeddings=torch.cat([looks, looks[:2]]),
        names=names,
        words=looks,
        belongs=torch.tensor(20.0 * (parts == np.arange(3)[:, None, None])).float().log_softmax(0),
        said=np.zeros((3, 3)),
        areas=np.bincount(parts.ravel()),
        read=np.concatenate([np.eye(3), np.eye(3)[:2]]),
        kind=np.zeros((3, 3), bool),
    )
    found = discoverer.divide(reading, 3)
    assert is_whole(found, (100, 100))
    assert found.names == (names if stays else names[:2])
    assert (found.labels[45:55, 50 - width : 50] == (3 if stays else found.labels[50, 20])).mean() > 0.5


def test_other_uses_of_the_same_models_do_not_notice(reco, cat, read):
    fresh = ReCo.load(device="cpu")
    mine, theirs = (each.segment(cat, each.prepare(("cat", "wall"))) for each in (reco, fresh))
    np.testing.assert_array_equal(mine.scores, theirs.scores)
    assert mine.presence == theirs.presence
    assert reco.encoder.preset == fresh.encoder.preset
