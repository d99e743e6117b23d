"""What models said of a photo is kept for the next question about it, whatever the question is."""

import numpy as np
import pytest

from reco_core.pipeline import ReCo
from reco_core.types import Encoded
from reco_core.utils.byte_cache import ByteCache, held
from reco_core.zeroguidance.discovery import Discoverer


@pytest.fixture
def fresh(reco) -> ReCo:
    """One that has not seen any photo."""
    return ReCo(reco.encoder, reco.archive, concepts=reco.concepts)


@pytest.fixture
def looks(reco, monkeypatch) -> list[tuple[int, ...]]:
    """The sizes of photos that models were shown."""
    seen: list[tuple[int, ...]] = []
    for way in ("encode_photo", "encode_long"):
        real = getattr(reco.encoder, way)
        monkeypatch.setattr(reco.encoder, way, lambda photo, real=real: seen.append(photo.shape) or real(photo))
    return seen


def test_one_look_serves_all_questions(fresh, looks, cat):
    names = fresh.prepare(["cat", "wall"], method="reco2")
    first = fresh.segment(cat, names, method="reco2_crf")
    again = fresh.segment(cat.copy(), names, method="reco2_crf")
    fresh.segment(cat, fresh.prepare(["dog"]), method="denseclip")
    fresh.explain(cat, names, 1, method="reco2")
    assert len(looks) == 1
    assert np.array_equal(first.labels, again.labels) and np.array_equal(first.scores, again.scores)


def test_discovery_has_it_too(fresh, looks, cat):
    fresh.encode(cat)
    found = Discoverer(fresh).discover(cat, 6)
    assert len(looks) == 1 and "cat" in found.names


def test_whoever_adds_photos_of_their_own_has_it_too(fresh, looks, cat):
    fresh.encode(cat)
    fresh.extended(fresh.archive).encode(cat)
    assert len(looks) == 1


def test_another_photo_is_looked_at(fresh, looks, cat):
    other = cat.copy()
    other[0, 0] ^= 1
    turned = cat.reshape(cat.shape[1], cat.shape[0], 3)  # the same bytes
    for photo in (cat, other, turned):
        fresh.encode(photo)
    assert len(looks) == 3


@pytest.mark.parametrize(("shape", "shown"), [((960, 1280, 3), (480, 640, 3)), ((200, 1600, 3), (200, 1600, 3))])
def test_a_large_photo_is_made_small_once(fresh, looks, monkeypatch, shape, shown):
    """A long one is seen whole, in windows."""
    photo = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    fresh.segment(photo, fresh.prepare(["cat"]))
    fresh.encode(photo)
    assert looks == [shown]


def test_so_many_bytes_are_kept(reco, cat, looks):
    size = held(reco.encode(cat))
    few = ReCo(reco.encoder, reco.archive, concepts=reco.concepts, encoded=ByteCache[Encoded](5 * size // 2))
    photos = [cat ^ np.uint8(i) for i in range(3)]
    looks.clear()
    for photo in (*photos, photos[2], photos[1], photos[0]):
        few.encode(photo)
    assert len(looks) == 4 and few.encoded.bytes <= 5 * size // 2
