"""Photos of more than 3:1 are read in windows: what is small in them is found."""

import math

import numpy as np
import pytest
import torch
from PIL import Image

from reco_core.models.encoder import STRIDE
from reco_core.utils.images import model_size


@pytest.fixture(scope="module")
def references(reco):
    return reco.prepare(["cat", "motorcycle"], method="reco2")


def panorama(real_photos, ratio: int, height: int = 240) -> tuple[np.ndarray, np.ndarray]:
    """A long sky and a cat, half as high, at seven tenths of it; and where the cat is."""
    sky = Image.fromarray(real_photos["rocket"][:150, :150]).resize((height * ratio, height))
    side, left = height // 2, round(0.7 * height * ratio)
    photo, truth = np.array(sky), np.zeros((height, height * ratio), bool)
    place = slice(height - side, height), slice(left, left + side)
    photo[place], truth[place] = np.asarray(Image.fromarray(real_photos["cat"][:, 60:360]).resize((side, side))), True
    return photo, truth


@pytest.mark.parametrize("ratio", [8, 20])
def test_what_is_small_in_a_panorama_is_found(reco, references, real_photos, ratio):
    photo, truth = panorama(real_photos, ratio)
    result = reco.segment(photo, references, method="reco2")
    marked = result.labels == 1
    assert (marked & truth).sum() / (marked | truth).sum() > 0.75
    assert result.presence[0] > 0.8
    assert result.presence[1] < 0.3


def test_tall_photos_alike(reco, references, real_photos):
    """A cat upright in a tower of sky."""
    wide, _ = panorama(real_photos, 8)
    blocks = [wide[:, :240]] * 8
    blocks[5] = wide[:, 1320:1560]  # the cat is in the lower half of this
    result = reco.segment(np.concatenate(blocks), references, method="reco2")
    assert result.labels.shape == (1920, 240)
    rows = np.flatnonzero((result.labels == 1).mean(1) > 0.2)
    assert rows.min() > 1280
    assert rows.max() < 1480
    assert result.presence[0] > 0.8


def test_windows_are_read_as_photos_are(reco, real_photos):
    """The first positions are the first window's alone; memory is that of windows."""
    photo, _ = panorama(real_photos, 8, 336)
    seen = reco.encode(photo)
    assert seen.features.shape[1:3] == seen.language.shape[1:3] == (21, 168)
    assert len(seen.views) == math.ceil((2688 - 336) / (336 * STRIDE)) + 1
    first = reco.encoder.encode_photo(photo[:, :336])
    torch.testing.assert_close(seen.features[:, :, :14], first.features[:, :, :14])
    torch.testing.assert_close(seen.views[:1], first.embedding)


def test_up_to_three_to_one_nothing_is_different(reco, real_photos):
    photo = real_photos["coffee"][:200, :600]
    seen, expected = reco.encode(photo), reco.encoder.encode_photo(photo)
    assert seen.views is None
    assert torch.equal(seen.features, expected.features) and torch.equal(seen.embedding, expected.embedding)
    assert seen.features.shape[1:3] == tuple(side // 16 for side in model_size(200, 600, 336, 16))


@pytest.mark.parametrize("size", [(16, 1000), (1200, 17)])
def test_the_thinnest_photos_end_with_labels(reco, references, size):
    photo = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    assert reco.segment(photo, references, method="reco").labels.shape == size
