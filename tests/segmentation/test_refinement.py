"""Refinement against formulas written out, and what must hold for any photo."""

import numpy as np
import pytest
import skimage.data
import torch
import torch.nn.functional as F

from reco_core.errors import OptionError
from reco_core.segmentation import crf, refinement
from reco_core.segmentation.refinement import (
    apply_lines,
    coarse_size,
    colour_lines,
    mean_field,
    outlined,
    pairwise,
    refine,
)

PHOTOS = {"rocket": ["rocket", "sky", "tower"], "coffee": ["cup", "spoon", "table"]}


def smooth_scores(labels: int, height: int, width: int, seed: int = 0, cells: int = 4) -> torch.Tensor:
    """Scores (K, H, W) as enlarged maps are."""
    values = torch.randn(1, labels, cells, cells, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(2 * values, size=(height, width), mode="bilinear")[0]


def random_photo(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height + width).integers(0, 256, (height, width, 3)).astype(np.uint8)


def naive_weights(colours: np.ndarray) -> np.ndarray:
    """(3, h, w) in 0..1 -> (N, N), a pair at a time: 6.3 positions of reach, 6 of 255 shades."""
    places = list(np.ndindex(colours.shape[1:]))
    weights = np.zeros((len(places), len(places)))
    for i, p in enumerate(places):
        for j, q in enumerate(places):
            distance = ((p[0] - q[0]) ** 2 + (p[1] - q[1]) ** 2) / 6.3**2
            shades = ((255 * (colours[:, *p] - colours[:, *q])) ** 2).sum() / 36
            weights[i, j] = np.exp(-(distance + shades) / 2)
    heard = np.sqrt(weights.sum(1))
    return weights / heard[:, None] / heard


def naive_field(scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Five steps; every position asks every other."""
    told = np.zeros_like(scores)
    for _ in range(5):
        q = np.exp(scores + told)
        q /= q.sum(0)
        told = np.array([[4 * sum(weights[i] * row) for i in range(row.size)] for row in q])
    return told


def window(y: int, x: int, height: int, width: int) -> list[tuple[int, int]]:
    return [(r, c) for r in range(max(0, y - 2), min(height, y + 3)) for c in range(max(0, x - 2), min(width, x + 3))]


def naive_lines(values: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """(h, w), (3, h, w) -> (4, h, w): ridge regression in each window, then the mean over windows."""
    height, width = values.shape
    fits, out = np.zeros((4, height, width)), np.zeros((4, height, width))
    for y, x in np.ndindex(height, width):
        near = window(y, x, height, width)
        seen, value = np.array([colours[:, *p] for p in near]), np.array([values[p] for p in near])
        away, off = seen - seen.mean(0), value - value.mean()
        slope = np.linalg.solve(away.T @ away / len(near) + 1e-4 * np.eye(3), away.T @ off / len(near))
        fits[:, y, x] = [*slope, value.mean() - slope @ seen.mean(0)]
    for y, x in np.ndindex(height, width):
        out[:, y, x] = np.mean([fits[:, *p] for p in window(y, x, height, width)], 0)
    return out


def test_weights_and_mean_field_against_loops():
    colours = skimage.data.coffee()[120:220:11, 200:330:11].transpose(2, 0, 1) / 255  # (3, 10, 12)
    weights = pairwise(torch.from_numpy(colours).float())
    np.testing.assert_allclose(weights.numpy(), naive_weights(colours), atol=1e-4)
    scores = smooth_scores(3, 10, 12).flatten(1)
    told = mean_field(scores, weights)
    np.testing.assert_allclose(told.numpy(), naive_field(scores.double().numpy(), naive_weights(colours)), atol=1e-3)
    assert told.abs().max() > 1


@pytest.mark.parametrize("grey", [False, True])
def test_guided_filter_against_loops(grey):
    """Also on a grey photo, whose colours depend on each other."""
    colours = skimage.data.coffee()[120:220:11, 200:330:11].transpose(2, 0, 1) / 255
    colours = np.repeat(colours[:1], 3, 0) if grey else colours
    values = smooth_scores(2, 10, 12)
    lines = colour_lines(values, torch.from_numpy(colours).float())
    for value, line in zip(values.double().numpy(), lines.numpy(), strict=True):
        expected = naive_lines(value, colours)
        found = (line[:3] * colours).sum(0) + line[3]
        np.testing.assert_allclose(found, (expected[:3] * colours).sum(0) + expected[3], atol=2e-3)


def test_the_whole_of_a_photo_that_is_its_own_grid():
    photo = np.ascontiguousarray(skimage.data.coffee()[120:340:11, 200:420:11])  # (20, 20)
    scores = smooth_scores(3, 20, 20)
    colours = photo.transpose(2, 0, 1) / 255
    told = naive_field(scores.flatten(1).double().numpy(), naive_weights(colours)).reshape(3, 20, 20)
    guide = colours.reshape(3, 10, 2, 10, 2).mean((2, 4))
    enlarged = lambda maps, size: F.interpolate(torch.tensor(maps)[None], size=size, mode="bilinear")[0].numpy()  # noqa: E731
    total = []
    for value, score in zip(told, scores.numpy(), strict=True):
        line = enlarged(naive_lines(value, colours), (10, 10))
        carried = (line[:3] * guide).sum(0) + line[3]
        total.append(score + enlarged(carried[None], (20, 20))[0])
    expected = np.argmax(total, 0)
    assert len(np.unique(expected)) == 3 and (expected != scores.numpy().argmax(0)).sum() > 10
    assert (refine(photo, scores).numpy() == expected).mean() > 0.99  # but for rounding


def test_probabilities_sum_to_one_and_weights_are_symmetric():
    colours = torch.rand(3, 9, 7)
    weights = pairwise(colours)
    torch.testing.assert_close(weights, weights.T)
    scores = smooth_scores(5, 9, 7).flatten(1)
    q = (scores + mean_field(scores, weights)).softmax(0)
    torch.testing.assert_close(q.sum(0), torch.ones(63))
    assert (mean_field(scores, weights).sum(0) <= 4 * weights.sum(1) + 1e-4).all()


def test_a_constant_stays_in_any_photo_and_a_plain_photo_adds_no_colour():
    colours = torch.rand(3, 12, 9)
    lines = colour_lines(torch.full((1, 12, 9), 2.5), colours)
    torch.testing.assert_close(
        apply_lines(lines[0], torch.rand(3, 24, 18)), torch.full((24, 18), 2.5), atol=1e-3, rtol=0
    )
    plain = colour_lines(torch.randn(2, 12, 9), torch.full((3, 12, 9), 0.4))
    assert plain[:, :3].abs().max() < 1e-2


@pytest.mark.parametrize("shift", [0, 1, 7])
def test_outlines_move_to_the_edges_of_the_photo(shift):
    """The scores are many pixels off; a wire of three pixels stays what it is."""
    photo = np.full((240, 320, 3), 30, np.uint8)
    photo[:, 150 + shift :] = (200, 190, 60)
    photo[100:103, 150 + shift :] = (90, 20, 160)
    photo.setflags(write=False)  # as pictures from Pillow are
    scores = np.zeros((3, 240, 320), np.float32)
    scores[0], scores[1] = (np.clip((162 - np.arange(320)) * sign / 16, -2, 2) for sign in (1, -1))
    scores[2, 95:108, 200:] = 3  # label 2: where the wire is, much too thick
    labels = refine(photo, torch.from_numpy(scores)).numpy()
    rows, right = np.r_[0:80, 125:240], np.arange(320) >= 150 + shift
    wrong_before, wrong = ((found[rows] != right).mean() for found in (scores.argmax(0), labels))
    assert wrong_before > 0.015 and wrong < wrong_before / 3
    wire = labels[95:108, 220:] == 2
    assert wire[6].mean() > 0.95 and wire[:3].mean() < 0.05 and wire[-3:].mean() < 0.05


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (33, 1), (2, 2), (17, 16), (101, 67), (40, 700), (481, 639)])
def test_odd_sizes(size):
    labels = refine(random_photo(*size), smooth_scores(3, *size))
    assert labels.shape == size and labels.dtype == torch.int64
    assert set(labels.unique().tolist()) <= {0, 1, 2}


def test_the_grid_is_of_square_cells_none_smaller_than_a_pixel():
    assert coarse_size(480, 640) == (45, 60) and coarse_size(640, 480) == (60, 45)
    assert coarse_size(20, 30) == (20, 30) and coarse_size(1, 1) == (1, 1)
    for size in ((300, 3000), (1, 100_000), (4000, 3000)):
        height, width = coarse_size(*size)
        assert height * width <= 2 * refinement.POSITIONS


def test_one_label_and_many():
    photo = skimage.data.astronaut()[:120, :160]
    scores = torch.full((255, 120, 160), -torch.inf)
    scores[7] = 0
    assert (refine(photo, scores) == 7).all()
    scores[100:150] = smooth_scores(50, 120, 160, cells=12)
    scores[7] = -3
    labels = refine(photo, scores).unique()
    assert len(labels) > 20 and labels.min() >= 100 and labels.max() < 150


def test_labels_may_be_renamed():
    photo, scores = skimage.data.coffee()[:200, :300], smooth_scores(5, 200, 300)
    order = torch.tensor([3, 0, 4, 1, 2])
    renamed = refine(photo, scores[order])
    assert (order[renamed] == refine(photo, scores)).float().mean() > 0.9999  # but for rounding


def test_what_is_added_to_all_labels_of_a_pixel_changes_nothing():
    photo, scores = skimage.data.coffee()[:120, :160], smooth_scores(3, 120, 160)
    higher = scores + torch.linspace(0, 60, 160)
    assert (refine(photo, higher) == refine(photo, scores)).float().mean() > 0.995


def test_scores_that_are_certain_stay():
    photo = np.full((48, 48, 3), 90, np.uint8)
    scores = torch.full((3, 48, 48), -torch.inf)
    scores[0, :, :25], scores[1, :, 25:] = 0, 0
    scores[2] = torch.finfo(torch.float32).min
    np.testing.assert_array_equal(refine(photo, scores).numpy(), scores.argmax(0).numpy())


def test_a_speck_between_positions_falls_to_what_is_around_it():
    photo = np.full((400, 400, 3), 90, np.uint8)
    scores = torch.full((3, 400, 400), -torch.inf)
    scores[0, :, :200], scores[1, :, 200:] = 0, 0
    scores[:, 1, 1], scores[2, 1, 1] = -torch.inf, 0
    labels = refine(photo, scores)
    assert (labels[:, :200] == 0).all() and (labels[:, 200:] == 1).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_any_precision(dtype):
    photo, scores = skimage.data.coffee()[:120, :160], smooth_scores(3, 120, 160)
    assert (refine(photo, scores.to(dtype)) == refine(photo, scores)).float().mean() > 0.98


@pytest.mark.parametrize("device", ["cpu", *(["cuda"] if torch.cuda.is_available() else [])])
def test_same_again_on_any_device_and_inputs_untouched(device):
    photo, scores = skimage.data.coffee(), smooth_scores(4, 400, 600).to(device)
    before = photo.copy(), scores.clone()
    labels = refine(photo, scores)
    assert labels.device == scores.device
    assert torch.equal(labels, refine(photo, scores)) and torch.equal(scores, before[1])
    np.testing.assert_array_equal(photo, before[0])
    assert (labels.cpu() == refine(photo, scores.cpu())).float().mean() > 0.999


@pytest.mark.parametrize("name", PHOTOS)
def test_it_agrees_with_the_papers_crf_on_real_photos(reco, name):
    photo, asked = getattr(skimage.data, name)(), PHOTOS[name]
    scores = reco.segment(photo, reco.prepare(asked, method="reco2"), method="reco2").scores
    exact, ours = crf.refine(photo, scores), refine(photo, torch.from_numpy(scores)).numpy()
    changed = exact != scores.argmax(0)
    assert changed.sum() > 500
    assert (ours == exact).mean() > 0.94
    assert (ours == exact)[changed].mean() > 0.7


def test_sizes_must_agree():
    with pytest.raises(OptionError, match="differ in size"):
        refine(np.zeros((4, 4, 3), np.uint8), torch.zeros(2, 5, 4))


@pytest.mark.parametrize("size", [(300, 451), (37, 640), (640, 41), (90, 90), (16, 17)])
def test_what_onnx_can_do_says_the_same(size):
    """`outlined`: also of labels that win nowhere, and of scores without bounds."""
    photo, scores = random_photo(*size), smooth_scores(5, *size)
    scores[1] = -torch.inf
    scores[3] -= 40
    labels = outlined(torch.tensor(photo).permute(2, 0, 1) / 255, scores, coarse_size(*size))
    expected = refine(photo, scores)
    assert labels.shape == size and {*labels.unique().tolist()} <= {0, 2, 4}
    assert (labels == expected).float().mean() > 0.999
