"""What models say of segments, and of the words to compare that with."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from support import tiny_preset

from reco_core.errors import OptionError
from reco_core.models import clip_encoder
from reco_core.models.attention_masking import embed_segments as masked
from reco_core.models.clip_encoder import ClipEncoder
from reco_core.presets import CLIP_MEAN, CLIP_STD
from reco_core.utils.tensors import to_tensor
from reco_core.zeroguidance.embedding import embed_segments, embed_words, shares, square, words_fingerprint

WORDS = ("cat", "cup of coffee", "rocket", "dog", "car", "tree")


@pytest.fixture(scope="module")
def clip() -> ClipEncoder:
    files = ("clip.safetensors", "dense.safetensors")
    preset = tiny_preset.preset(dict.fromkeys(files, ""), dict.fromkeys(files, ""), "none")
    torch.manual_seed(0)
    return ClipEncoder.build(preset, clip_encoder.untrained(preset), "cpu", torch.float32)


def ellipse(size: tuple[int, int]) -> np.ndarray:
    y, x = np.indices(size)
    return np.hypot((y - size[0] / 2) / (0.45 * size[0]), (x - size[1] / 2) / (0.4 * size[1])) < 1


def test_a_cat_is_nearest_to_cat(reco, cat):
    embedding = embed_segments(reco.encoder, cat, ellipse(cat.shape[:2])[None])
    assert embedding.shape == (1, 384)
    assert embedding.dtype == torch.float32
    assert embedding.norm().item() == pytest.approx(1, abs=1e-5)
    assert WORDS[int((embedding @ embed_words(reco.encoder, WORDS).T).argmax())] == "cat"


def test_two_things_in_one_square_are_told_apart(reco, real_photos):
    """A photo cut along its diagonal, so that both halves have the same square around them."""
    cat, coffee = (np.asarray(Image.fromarray(real_photos[name]).resize((400, 400))) for name in ("cat", "coffee"))
    y, x = np.indices((400, 400))
    upper = x + y < 400
    collage = np.where(upper[..., None], coffee, cat)
    found = embed_segments(reco.encoder, collage, np.stack([upper, ~upper]))
    nearest = (found @ embed_words(reco.encoder, WORDS).T).argmax(1)
    assert [WORDS[i] for i in nearest] == ["cup of coffee", "cat"]


def test_segments_of_mini_do_not_depend_on_each_other(reco, cat):
    y, x = np.indices(cat.shape[:2])
    masks = np.stack([np.hypot(y - 100 - 5 * i, x - 120 - 12 * i) < 30 + 4 * i for i in range(18)])
    together = embed_segments(reco.encoder, cat, masks)
    for row in (0, 9, 15, 16, 17):
        alone = embed_segments(reco.encoder, cat, masks[row : row + 1])[0]
        torch.testing.assert_close(together[row], alone, atol=1e-4, rtol=0)


@pytest.mark.parametrize("size", [(16, 16), (16, 300), (300, 16)])
def test_one_pixel_of_a_small_photo_can_be_read(reco, cat, size):
    mask = np.zeros((1, *size), bool)
    mask[0, -1, 0] = True
    photo = cat[: size[0], : size[1]]
    assert torch.isfinite(embed_segments(reco.encoder, np.ascontiguousarray(photo), mask)).all()


@pytest.mark.parametrize(
    ("box", "size", "expected"),
    [
        ((100, 180, 200, 240), (300, 451), ((100, 180), (180, 260))),  # widened to its height
        ((100, 140, 200, 300), (300, 451), ((70, 170), (200, 300))),  # heightened to its width
        ((150, 151, 200, 201), (300, 451), ((118, 182), (168, 232))),  # a pixel
        ((0, 1, 0, 1), (300, 451), ((0, 64), (0, 64))),  # in the corner
        ((299, 300, 450, 451), (300, 451), ((236, 300), (387, 451))),  # in the other
        ((10, 20, 0, 451), (300, 451), ((0, 300), (0, 451))),  # wider than the photo is high
        ((0, 300, 0, 451), (300, 451), ((0, 300), (0, 451))),
        ((5, 6, 30, 31), (16, 300), ((0, 16), (0, 64))),  # the photo is lower than the least square
        ((0, 400, 90, 100), (400, 100), ((0, 400), (0, 100))),
    ],
)
def test_squares_are_around_the_mask_and_inside_the_photo(box, size, expected):
    mask = np.zeros(size, bool)
    mask[box[0] : box[1], box[2] : box[3]] = True
    rows, columns = square(mask)
    assert ((rows.start, rows.stop), (columns.start, columns.stop)) == expected


def test_a_square_reaches_from_the_first_to_the_last_pixel_of_scattered_ones():
    mask = np.zeros((200, 300), bool)
    mask[20, 150], mask[119, 160] = True, True
    assert square(mask) == (slice(20, 120), slice(105, 205))


@pytest.mark.parametrize("grid", [(4, 6), (5, 7), (16, 40)])
def test_shares_equal_plain_means(grid):
    masks = np.random.default_rng(0).random((2, 12, 30)) < 0.4
    actual = shares(masks, grid)
    assert actual.shape == (2, *grid)
    for mask, row in zip(masks, actual, strict=True):
        for y in range(grid[0]):
            for x in range(grid[1]):
                rows = range(y * 12 // grid[0], -(-(y + 1) * 12 // grid[0]))
                columns = range(x * 30 // grid[1], -(-(x + 1) * 30 // grid[1]))
                inside = [bool(mask[r, c]) for r in rows for c in columns]
                assert row[y, x].item() == pytest.approx(sum(inside) / len(inside), abs=1e-6)


@torch.inference_mode()
def test_clip_reads_segments_by_attention_masking(clip, cat):
    masks = np.stack([ellipse(cat.shape[:2]), ~ellipse(cat.shape[:2])])
    image = to_tensor(cat, (224, 352), CLIP_MEAN, CLIP_STD)  # 300 x 451, in patches of 32
    covered = F.interpolate(torch.from_numpy(masks)[None].float(), (7, 11), mode="area")[0]
    expected = F.normalize(masked(clip.networks.retrieval.network.visual, image[None], covered), dim=-1)
    actual = embed_segments(clip, cat, masks)
    torch.testing.assert_close(actual, expected, atol=1e-5, rtol=0)
    assert actual[0] @ actual[1] < 0.999


def test_words_of_clip_are_those_of_the_model_that_reads_segments(clip):
    expected = clip.networks.retrieval.text(["cat", "coffee cup"])  # the preset's template is "{}"
    torch.testing.assert_close(embed_words(clip, ("cat", "coffee cup")), expected, atol=1e-5, rtol=0)


def test_words_of_two_encoders_are_kept_apart(clip, reco):
    assert words_fingerprint(clip) != words_fingerprint(reco.encoder)
    assert len(words_fingerprint(clip)) == len(words_fingerprint(reco.encoder)) == 16


def test_a_preset_of_another_kind_is_refused(cat):
    stranger = SimpleNamespace(preset=SimpleNamespace(name="strange"))
    with pytest.raises(OptionError, match=r"cannot name segments.*strange"):
        embed_segments(stranger, cat, ellipse(cat.shape[:2])[None])
