"""What training sees: crops that are the same whenever they are asked for, and say of each pixel what was said of
it.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.adapting import COLOURS, TINY, painted

from reco_core.adaptation.crops import Crops, Example
from reco_core.adaptation.labels import IGNORED, Labelled

PLAIN = replace(TINY, jitter=0.0, blur=False, scales=(1.0, 1.0))
ALL = np.zeros(3, np.uint8)  # thresholds that everything reaches


def one(folder: Path, labels: np.ndarray, confidence: int = 255, photo: np.ndarray | None = None) -> Example:
    example = Example.at(folder, "one")
    example.write(
        COLOURS[labels] if photo is None else photo, Labelled(labels, np.full(labels.shape, confidence, np.uint8))
    )
    return example


def quarters(height: int, width: int) -> np.ndarray:
    """Three labels: the top half one, the bottom left and bottom right one each."""
    labels = np.zeros((height, width), np.uint8)
    labels[height // 2 :, : width // 2], labels[height // 2 :, width // 2 :] = 1, 2
    return labels


def colours_of(photo: torch.Tensor) -> np.ndarray:
    """The label whose colour each pixel is nearest to."""
    distance = (photo.numpy()[None] * 255 - COLOURS.astype(float)[:, :, None, None]) ** 2
    return distance.sum(1).argmin(0)


def inner(labels: np.ndarray, margin: int = 3) -> np.ndarray:
    """Pixels around which all have their label."""
    same = np.ones(labels.shape, bool)
    for dy in range(-margin, margin + 1):
        for dx in range(-margin, margin + 1):
            same &= np.roll(labels, (dy, dx), (0, 1)) == labels
    same[:margin], same[-margin:], same[:, :margin], same[:, -margin:] = False, False, False, False
    return same


def test_a_step_is_the_same_whenever_and_from_wherever_it_is_asked(tmp_path):
    crops = Crops(painted(tmp_path, 5), ALL, replace(TINY, batch=3), 7)
    alone = {step: crops.batch(step) for step in range(12)}
    order = [11, 0, 5, 5, 3, 1, 10, 2, 9, 4, 8, 7, 6, 0]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(Crops(crops.examples, ALL, crops.recipe, 7).batch, order))
    for step, (photos, labels) in zip(order, together, strict=True):
        assert torch.equal(photos, alone[step][0]) and torch.equal(labels, alone[step][1])


def test_other_steps_and_seeds_are_other_crops(tmp_path):
    examples = painted(tmp_path, 5)
    batches = [Crops(examples, ALL, TINY, seed).batch(step)[0] for seed in (0, 1, 10**9) for step in (0, 1, 2)]
    assert len({batch.numpy().tobytes() for batch in batches}) == 9
    photos, _ = Crops(examples, ALL, replace(TINY, batch=8), 0).batch(0)
    assert len({photo.numpy().tobytes() for photo in photos}) == 8


def test_the_caller_s_random_numbers_are_not_used(tmp_path):
    crops = Crops(painted(tmp_path, 2), ALL, TINY, 0)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    first = crops.batch(3)
    assert torch.equal(before[0], torch.get_rng_state()) and (before[1] == np.random.get_state()[1]).all()
    np.random.seed(77)
    torch.manual_seed(77)
    assert torch.equal(first[0], crops.batch(3)[0])


def test_shapes_and_ranges(tmp_path):
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (90, 70, 3)).astype(np.uint8)
    example = one(tmp_path, rng.choice(np.array([0, 2], np.uint8), (90, 70)), photo=noise)
    crops = Crops([example], ALL, replace(TINY, crop=96, jitter=0.9, batch=6), 1)
    for step in range(5):
        photos, labels = crops.batch(step)
        assert photos.shape == (6, 3, 96, 96) and labels.shape == (6, 96, 96)
        assert (photos.dtype, labels.dtype) == (torch.float32, torch.int64)
        assert photos.min() >= 0 and photos.max() <= 1 and photos.std() > 0.01
        assert set(labels.unique().tolist()) <= {0, 2, IGNORED}, "nothing between two labels"


def test_photo_and_labels_stay_together(tmp_path):
    """The colour of each pixel says its label, at any scale, mirrored or not."""
    crops = Crops([one(tmp_path, quarters(130, 170))], ALL, replace(PLAIN, scales=(0.5, 3.0), batch=4), 2)
    seen, sides = set(), set()
    for step in range(10):
        for photo, labels in zip(*crops.batch(step), strict=True):
            truth = labels.numpy()
            sure = inner(truth) & (truth != IGNORED)
            np.testing.assert_array_equal(colours_of(photo)[sure], truth[sure])
            seen |= set(truth[sure].tolist())
            sides.add(truth[-1, 0] if {1, 2} <= set(truth.ravel().tolist()) else None)
    assert seen == {0, 1, 2}
    assert {1, 2} <= sides, "some are mirrored, some are not"


def test_nothing_but_the_photo_or_its_mirror_image_at_scale_one(tmp_path):
    labels = np.random.default_rng(3).integers(0, 3, (64, 64)).astype(np.uint8)
    crops = Crops([one(tmp_path, labels)], ALL, replace(PLAIN, batch=20), 0)
    photos, found = crops.batch(0)
    mirrored = [bool((one.numpy() == labels[:, ::-1]).all()) for one in found]
    assert all((one.numpy() == labels).all() != other for one, other in zip(found, mirrored, strict=True))
    assert 3 <= sum(mirrored) <= 17, "about half"
    with Image.open(crops.examples[0].photo) as image:
        stored = np.asarray(image).astype(np.float32) / 255
    for photo, other in zip(photos, mirrored, strict=True):
        expected = stored[:, ::-1] if other else stored
        np.testing.assert_allclose(photo.permute(1, 2, 0).numpy(), expected, atol=1e-6)


@pytest.mark.parametrize(("size", "scale"), [((64, 64), 1.0), ((64, 64), 0.5), ((40, 50), 0.8), ((200, 300), 1.2)])
def test_small_photos_are_padded_with_what_teaches_nothing(tmp_path, size, scale):
    """The short side is the recipe's times the scale; around it there is grey, whose label is ignored."""
    recipe = replace(PLAIN, crop=128, scales=(scale, scale), batch=6)
    crops = Crops([one(tmp_path, quarters(*size))], ALL, recipe, 0)
    height, width = (min(128, round(length * 64 * scale / min(size))) for length in size)
    for photo, labels in zip(*crops.batch(0), strict=True):
        known = labels.numpy() != IGNORED
        assert known.sum() == height * width
        assert known[:height, :width].all() or known[:height, -width:].all()
        grey = photo.numpy()[:, ~known]
        np.testing.assert_allclose(grey, 128 / 255, atol=1e-6)


@pytest.mark.parametrize("size", [(20, 900), (900, 20), (16, 16), (1, 70), (640, 17)])
def test_long_thin_photos(tmp_path, size):
    crops = Crops([one(tmp_path, quarters(*size))], ALL, replace(PLAIN, scales=(0.5, 2.0), batch=6), 0)
    seen = set()
    for step in range(4):
        photos, labels = crops.batch(step)
        assert photos.shape == (6, 3, 64, 64) and torch.isfinite(photos).all()
        for photo, truth in zip(photos, labels.numpy(), strict=True):
            known = (truth != IGNORED).sum()
            assert known >= 32 * (60 if max(size) > 2 * min(size) > 2 else 32) or min(size) == 1
            sure = inner(truth) & (truth != IGNORED)
            if min(size) > 1:  # JPEG mixes colours of neighbours
                assert (colours_of(photo)[sure] == truth[sure]).mean() > 0.98
        seen |= set(labels.unique().tolist())
    assert len(seen - {IGNORED}) >= 2


def test_every_part_of_a_photo_is_seen(tmp_path):
    """Crops begin anywhere: the corners too."""
    photo = np.zeros((128, 128, 3), np.uint8)
    photo[..., 0], photo[..., 1] = np.mgrid[:128, :128]
    crops = Crops([one(tmp_path, quarters(128, 128), photo=photo)], ALL, replace(PLAIN, side=128, batch=60), 0)
    tops = (crops.batch(0)[0][:, 0, 0, 0] * 255).round()
    assert tops.min() <= 5 and tops.max() >= 59 and len(tops.unique()) > 25


def test_unsure_pixels_teach_nothing(tmp_path):
    labels = quarters(64, 64)
    example = Example.at(tmp_path, "one")
    example.write(COLOURS[labels], Labelled(labels, np.where(labels == 1, 99, 100).astype(np.uint8)))
    seen = Crops([example], np.array([0, 100, 100], np.uint8), PLAIN, 0).batch(0)[1]
    assert (seen != 1).all() and (seen == IGNORED).sum() == 2 * 32 * 32 and (seen == 2).sum() == 2 * 32 * 32


def test_colours_change_by_so_much(tmp_path):
    """Brightness, contrast and saturation by up to `jitter`; labels do not."""
    labels = quarters(64, 64)
    plain, changed = (
        Crops([one(tmp_path, labels)], ALL, replace(PLAIN, jitter=jitter, batch=8), 0).batch(0) for jitter in (0.0, 0.3)
    )
    ratio = (changed[0].mean((1, 2, 3)) / plain[0].mean((1, 2, 3)))[0]  # later crops of a batch draw other numbers
    assert torch.equal(plain[1][0], changed[1][0]) and ratio > 0.6 and ratio < 1.4
    assert not torch.equal(plain[0], changed[0])
    blurred = Crops([one(tmp_path, labels)], ALL, replace(PLAIN, blur=True, batch=16), 0).batch(0)[0]
    steps = (blurred[:, :, 1:] - blurred[:, :, :-1]).abs().amax((1, 2, 3))
    assert steps.min() < 0.6 * steps.max(), "some are blurred, some are not"


def test_an_example_comes_back_as_it_was_written(tmp_path):
    rng = np.random.default_rng(0)
    labels, confidence = rng.integers(0, 255, (2, 33, 47)).astype(np.uint8)
    smooth = np.repeat(np.linspace(0, 255, 47).astype(np.uint8)[None, :, None], 33, 0).repeat(3, 2)
    example = Example.at(tmp_path, "00012")
    assert not example.is_there()
    example.write(smooth, Labelled(labels, confidence))
    assert example.is_there() and example == Example.at(tmp_path, "00012")
    np.testing.assert_array_equal(example.stored().labels, labels)
    np.testing.assert_array_equal(example.stored().confidence, confidence)
    photo, sure = example.read(np.full(256, 90, np.uint8))
    assert photo.shape == (33, 47, 3) and np.abs(photo.astype(int) - smooth).max() <= 8, "JPEG keeps it nearly"
    np.testing.assert_array_equal(sure, np.where(confidence < 90, IGNORED, labels))
    assert {file.name for file in tmp_path.iterdir()} == {
        f"00012{end}" for end in (".jpg", ".labels.png", ".confidence.png")
    }


def test_an_example_that_was_not_written_to_the_end_is_not_there(tmp_path, monkeypatch):
    example, saved, save = Example.at(tmp_path, "x"), [], Image.Image.save

    def full(self, file, *args, **kwargs):
        saved.append(file)
        if len(saved) == 3:
            raise OSError(28, "No space left on device")
        save(self, file, *args, **kwargs)

    monkeypatch.setattr(Image.Image, "save", full)
    labelled = Labelled(quarters(20, 20), np.full((20, 20), 9, np.uint8))
    with pytest.raises(OSError, match="No space"):
        example.write(COLOURS[labelled.labels], labelled)
    assert example.labels.is_file() and not example.is_there()
    example.write(COLOURS[labelled.labels], labelled)
    assert example.is_there()
