"""Labels of unlabelled photos, and which of them teach, against loops."""

import math

import numpy as np
import pytest
import torch

from reco_core.adaptation.labels import IGNORED, Labelled, Tally, keep_sure, label, views_of
from reco_core.methods import find_method
from reco_core.segmentation import refinement


def noise(seed: int, classes: int = 5, size: tuple[int, int] = (23, 31)) -> Labelled:
    """Random labels, the last never; rare labels are less sure."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(classes - 1, size=size, p=np.array([0.6, 0.3, 0.09, 0.01]))
    confidence = rng.integers(0, 256, size) // (1 + labels)
    return Labelled(labels.astype(np.uint8), confidence.astype(np.uint8))


def counted(photos: list[Labelled], classes: int = 5) -> Tally:
    tally = Tally(classes)
    for photo in photos:
        tally.add(photo)
    return tally


def pixels(photos: list[Labelled]) -> list[tuple[int, int]]:
    """Label and confidence of every pixel of all photos."""
    return [
        (int(one), int(sure))
        for photo in photos
        for one, sure in zip(photo.labels.ravel(), photo.confidence.ravel(), strict=True)
    ]


@pytest.fixture(scope="module")
def photos() -> list[Labelled]:
    return [noise(0), noise(1, size=(7, 40)), noise(2, size=(1, 1))]


def test_counts_and_shares(photos):
    tally, every = counted(photos), pixels(photos)
    for one in range(5):
        assert tally.shares[one] == pytest.approx(sum(c == one for c, _ in every) / len(every))
        for sure in range(256):
            assert tally.counts[one, sure] == every.count((one, sure))
    assert tally.shares.sum() == pytest.approx(1) and tally.shares[4] == 0


@pytest.mark.parametrize("unsure", [0.0, 0.1, 0.25, 0.5, 0.9, 0.999])
def test_thresholds_against_a_sorted_list(photos, unsure):
    found = counted(photos).thresholds(unsure)
    assert found.dtype == np.uint8
    for one in range(4):
        sure = sorted(s for c, s in pixels(photos) if c == one)
        assert found[one] == min(sure[math.floor(unsure * len(sure))], 230)
        assert sum(s < found[one] for s in sure) <= unsure * len(sure)
    assert found[4] == 0, "a label that is never seen"


def test_every_label_has_its_own_threshold(photos):
    """What is the surest that a rare label ever is would be unsure for a common one."""
    found = counted(photos).thresholds(0.5)
    assert found[0] > found[1] > found[2] > found[3] > 0


def test_what_is_certain_always_teaches():
    rng = np.random.default_rng(0)
    one = Labelled(np.zeros((20, 20), np.uint8), rng.integers(231, 256, (20, 20)).astype(np.uint8))
    tally = counted([one], 2)
    assert (keep_sure(one, tally.thresholds(0.9)) == 0).all()
    same = Labelled(one.labels, np.full((20, 20), 100, np.uint8))
    assert (keep_sure(same, counted([same], 2).thresholds(0.9)) == 0).all(), "equals stay or go together"


def test_keep_sure_against_a_loop(photos):
    thresholds = counted(photos).thresholds(0.3)
    for photo in photos:
        kept = keep_sure(photo, thresholds)
        assert kept.dtype == np.uint8 and kept.shape == photo.labels.shape
        for y, x in np.ndindex(kept.shape):
            one, sure = photo.labels[y, x], photo.confidence[y, x]
            assert kept[y, x] == (one if sure >= thresholds[one] else IGNORED)
    gone = np.mean([keep_sure(p, thresholds)[p.labels == 0].ravel() == IGNORED for p in photos[:1]])
    assert 0.2 < gone <= 0.3


@pytest.mark.parametrize("balance", [0.0, 0.5, 1.0])
def test_weights_against_a_loop(photos, balance):
    found, every = counted(photos).weights(balance), pixels(photos)
    assert found.dtype == np.float32
    raw = [max(sum(c == one for c, _ in every) / len(every), 0.001) ** -balance for one in range(5)]
    mean = sum(raw[c] for c, _ in every) / len(every)
    assert found == pytest.approx([value / mean for value in raw], rel=1e-5)
    assert np.mean([found[c] for c, _ in every]) == pytest.approx(1, rel=1e-5), "pixels count one on average"
    assert (found == 1).all() if balance == 0 else found[0] < found[1] < found[2] < found[3] < found[4]


def test_weights_stay_finite():
    assert np.isfinite(Tally(3).weights(1.0)).all() and np.isfinite(Tally(3).shares).all()
    assert not Tally(3).thresholds(0.5).any()
    one = counted([Labelled(np.full((100, 100), 2, np.uint8), np.full((100, 100), 9, np.uint8))], 3).weights(1.0)
    assert one == pytest.approx([1000, 1000, 1]), "a label that is never seen counts as one that is rare, not more"


def of_red(photo: np.ndarray) -> np.ndarray:
    """A view that says label 1 by how red a pixel is, wherever it is."""
    red = photo[..., 0] / 255
    return np.stack([1 - red, red])


def of_place(photo: np.ndarray) -> np.ndarray:
    """A view that believes in label 2 on the right, whatever is there."""
    right = np.broadcast_to(np.linspace(0.1, 0.8, photo.shape[1]), photo.shape[:2])
    return np.stack([1 - right, right * 0, right])


@pytest.fixture
def as_it_is(monkeypatch) -> None:
    """Without outlines along edges."""
    monkeypatch.setattr(refinement, "refine", lambda photo, scores: scores.argmax(0))


def random_photo(size: tuple[int, int] = (12, 17)) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (*size, 3)).astype(np.uint8)


def test_what_a_view_says_of_the_mirror_image_is_mirrored_back(as_it_is):
    """Of a view that only looks at pixels, the mean with its mirror image is itself."""
    photo = random_photo()
    found = label(photo, [of_red])
    red = photo[..., 0].astype(int)
    np.testing.assert_array_equal(found.labels, red > 127)
    np.testing.assert_array_equal(found.confidence, np.maximum(red, 255 - red))
    assert found.labels.dtype == found.confidence.dtype == np.uint8


def test_a_view_that_is_not_symmetric_is_asked_both_ways(as_it_is):
    photo = random_photo((4, 9))
    found = label(photo, [of_place])
    assert (found.labels == 0).all(), "0.45 everywhere"
    assert (found.confidence == round(0.55 * 255)).all()


def test_mean_of_views_and_mirror_images_against_a_loop(as_it_is):
    photo = random_photo()

    def third(seen: np.ndarray) -> np.ndarray:
        place = np.broadcast_to(np.linspace(0, 0.9, seen.shape[0])[:, None], seen.shape[:2])
        blue = (1 - place) * (seen[..., 2] > 128)
        return np.stack([1 - blue - place, place, blue])

    views = [of_place, third, third, lambda seen: np.pad(of_red(seen), ((0, 1), (0, 0), (0, 0)))]
    height, width = photo.shape[:2]
    found = label(photo, views)
    for y, x in np.ndindex(height, width):
        total = np.zeros(3)
        for view in views:
            total += view(photo)[:, y, x] + view(np.ascontiguousarray(photo[:, ::-1]))[:, y, width - 1 - x]
        assert found.labels[y, x] == total.argmax()
        assert found.confidence[y, x] == pytest.approx(255 * total.max() / 8, abs=0.5001)
    assert len(np.unique(found.labels)) == 3


def test_views_that_disagree_are_not_sure(as_it_is):
    photo = np.full((4, 4, 3), 255, np.uint8)
    assert (label(photo, [of_red]).confidence == 255).all()
    against = label(photo, [of_red, lambda seen: of_red(seen)[::-1]])
    assert (against.confidence == 128).all()


def test_outlines_are_refined_and_confidence_is_of_what_it_chose():
    """The views are five pixels off the photo's edge; there the probability of the label is small."""
    photo = np.zeros((160, 240, 3), np.uint8)
    photo[:, 124:] = 220

    def view(seen: np.ndarray) -> np.ndarray:
        off = 129 if seen[0, -1, 0] else 240 - 129
        dark = np.broadcast_to((np.arange(240) < off) == bool(seen[0, -1, 0]), (160, 240))
        return np.stack([np.where(dark, 0.8, 0.2), np.where(dark, 0.2, 0.8)])

    found, moved = label(photo, [view]), label(photo, [view]).labels != view(photo).argmax(0)
    assert (found.labels == (np.arange(240) >= 124)).mean() > 0.98 and moved[:, 124:129].mean() > 0.25
    assert (found.confidence == np.where(moved, round(0.2 * 255), round(0.8 * 255))).all()


def test_outlines_are_those_of_refinement(cat):
    photo = np.ascontiguousarray(cat[::2, ::2])
    seen = photo.mean(-1) / 255

    def view(photo: np.ndarray) -> np.ndarray:
        grey = photo.mean(-1) / 255
        return np.stack([1 - grey, grey])

    found = label(photo, [view]).labels
    scores = np.log(np.stack([1 - seen, seen]) + 1e-6)
    np.testing.assert_array_equal(found, refinement.refine(photo, torch.from_numpy(scores)))
    assert (found != scores.argmax(0)).any()


def test_views_of_reco_at_several_sizes(reco, cat, monkeypatch):
    """At its own size a view's labels are ReCo's; at another the models see another photo, the answer fits this one."""
    photo = np.ascontiguousarray(cat[::2, ::2])
    method = find_method("reco2")
    references = reco.prepare(["cat", "wall"], method=method)
    seen = []
    read = type(reco.encoder)._read
    monkeypatch.setattr(
        type(reco.encoder), "_read", lambda self, images, *how: seen.append(images.shape) or read(self, images, *how)
    )
    same, small = views_of(reco, references, method, (1.0, 0.5))
    first, second = same(photo), small(photo)
    expected = reco.segment(photo, references, method=method)
    np.testing.assert_array_equal(first.argmax(0), expected.labels)
    likely = np.exp(expected.scores - expected.scores.max(0))
    np.testing.assert_allclose(first, likely / likely.sum(0), atol=1e-5)
    assert second.shape == first.shape == (3, *photo.shape[:2])
    np.testing.assert_allclose(second.sum(0), 1, atol=1e-5)
    assert np.abs(first - second).max() > 0.01
    assert seen[0][2] > 1.7 * seen[1][2] and seen[0] == seen[2]
