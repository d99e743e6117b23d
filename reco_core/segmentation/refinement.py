"""Refinement: labels along the photo's edges, as a dense CRF draws them, at a tenth of its price. Any device.

Mean field of a dense CRF (Krähenbühl & Koltun, NeurIPS 2011) is exact and cheap on a coarse grid, where every position
can be compared with every other. What the others tell each position is then carried to the photo's pixels by a
guided filter (He, Sun & Tang, ECCV 2010; its coefficients on the coarse grid: He & Sun, 2015): around each
position, what is told is a linear function of colour, so it changes where the photo does. `crf.py` has the paper's own.

The weight of neighbours is the paper's, and so is their reach (67 pixels of a 640 x 480 photo). The other constants
were chosen for agreement with the paper's CRF on photos without labels, and to be quick.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from reco_core.errors import OptionError

POSITIONS = 60 * 45  # of the coarse grid, about; time and memory grow with their square
REACH = 6.3  # standard deviation of neighbours' places, in positions
COLOUR = 6.0  # standard deviation of neighbours' colours, of 255
WEIGHT = 4.0  # what neighbours say at most
ITERATIONS = 5
RADIUS = 2  # of the guided filter's windows, in positions
EVENNESS = 1e-4  # variance of colour (0..1) below which a window counts as plain
GUIDE = 2  # the guide's pixels are so many of the photo's pixels wide: noise makes no outlines
ROWS = 128  # of the pairwise matrix that are worked on at a time
NOTHING = -50.0  # logarithm of the least weight
LEAST = -1e4  # of scores, which may be minus infinity


@torch.no_grad()
def refine(photo: np.ndarray, scores: Tensor) -> Tensor:
    """Label every pixel along the edges of the photo. Deterministic.

    Args:
        photo: (H, W, 3) uint8 RGB.
        scores: (K, H, W), larger is likelier; log-probabilities but for a constant per pixel. They should be smooth at
            the scale of a coarse position, as enlarged maps are: labels that win at no position are left out.

    Returns:
        (H, W) int64 labels, 0..K - 1, on the device of the scores.

    Raises:
        OptionError: sizes differ.
    """
    size = (scores.shape[1], scores.shape[2])
    if photo.shape[:2] != size:
        raise OptionError("photo and scores differ in size", given=size, expected=str(photo.shape[:2]))
    grid = coarse_size(*size)
    winners = _coarse(scores, grid).argmax(0).unique()
    if len(winners) == 1:
        return torch.full(size, int(winners[0]), device=scores.device)
    colours = torch.tensor(photo, device=scores.device).permute(2, 0, 1) / 255
    return winners[outlined(colours, scores[winners], grid)]


def outlined(colours: Tensor, scores: Tensor, grid: tuple[int, int]) -> Tensor:
    """The same with a colour photo (3, H, W) in 0..1 and `coarse_size`, by what ONNX can do, too, whatever the size.

    Labels that win at no position are carried along here, and never win.
    """
    size = (scores.shape[1], scores.shape[2])
    coarse = _coarse(scores, grid)  # (K, h, w)
    each = torch.arange(scores.shape[0], device=scores.device)[:, None]
    wins = (coarse.argmax(0).flatten()[None] == each).any(1)  # (K,)
    seen = _cell_means(colours, grid)
    kept = torch.where(wins[:, None], coarse.clamp_min(LEAST).flatten(1), 10 * LEAST)
    lines = colour_lines(mean_field(kept, pairwise(seen)).unflatten(1, grid), seen)
    guide = _cell_means(colours, ((size[0] + GUIDE - 1) // GUIDE, (size[1] + GUIDE - 1) // GUIDE))
    labels = torch.zeros(size, dtype=torch.int64, device=scores.device)
    best = torch.full(size, -torch.inf, device=scores.device)
    for label, line in enumerate(lines):  # one at a time: many labels need no more memory
        score = _enlarge(apply_lines(line, guide)[None], size)[0] + scores[label].float().clamp_min(LEAST)
        wins_here = (score > best) & wins[label]
        labels, best = torch.where(wins_here, label, labels), torch.where(wins_here, score, best)
    return labels


def coarse_size(height: int, width: int) -> tuple[int, int]:
    """The coarse grid (h, w) of a photo: square cells, about `POSITIONS` of them, none smaller than a pixel."""
    cell = max(1.0, math.sqrt(height * width / POSITIONS), max(height, width) / POSITIONS)
    return max(1, round(height / cell)), max(1, round(width / cell))


def pairwise(colours: Tensor) -> Tensor:
    """How much positions listen to each other, from their places and colours (3, h, w) in 0..1: (h w, h w), symmetric.

    A Gaussian of both, divided by the root of what each of the two hears in all; a position also hears itself.
    """
    height, width = colours.shape[1:]
    y, x = (torch.arange(length, dtype=torch.float32, device=colours.device) for length in (height, width))
    place = torch.stack(torch.meshgrid(y, x, indexing="ij")) / REACH
    points = torch.cat([place, colours * (255 / COLOUR)]).flatten(1)  # (5, N)
    points = points - points.mean(1, keepdim=True)
    half, one = points.square().sum(0, keepdim=True) / 2, torch.ones_like(points[:1])
    # One product is the exponent, p . q - p . p / 2 - q . q / 2; numbers that 32 bits can hardly hold take long.
    left, right = torch.cat([points, -half, one]).T, torch.cat([points, one, -half])
    if torch.compiler.is_exporting():  # for photos of any size, which cannot be cut into so many rows
        weights = (left @ right).clamp_min(NOTHING).exp()
        scale = weights.sum(1).rsqrt()
        return weights * scale * scale[:, None]
    heard: list[Tensor] = []
    weights = torch.empty(left.shape[0], right.shape[1], device=colours.device)
    for part, rows in zip(left.split(ROWS), weights.split(ROWS), strict=True):  # they stay in the processor's cache
        torch.mm(part, right, out=rows).clamp_min_(NOTHING).exp_()
        heard.append(rows.sum(1))
    scale = torch.cat(heard).rsqrt()
    for rows, own in zip(weights.split(ROWS), scale.split(ROWS), strict=True):
        rows.mul_(scale).mul_(own[:, None])
    return weights


def mean_field(scores: Tensor, weights: Tensor) -> Tensor:
    """What positions are told by the others, after `ITERATIONS`: (K, N), to be added to their scores (K, N).

    weights: `pairwise`, (N, N). Probabilities are the softmax over K of the sum.
    """
    told = torch.zeros_like(scores)
    for _ in range(ITERATIONS):
        told = WEIGHT * ((scores + told).softmax(0) @ weights)
    return told


def colour_lines(values: Tensor, colours: Tensor) -> Tensor:
    """The guided filter's coefficients: around each position, values (K, h, w) as functions of colours (3, h, w).

    Returns (K, 4, h, w): by red, green and blue (0..1), and the constant. Least squares over windows, kept even
    by `EVENNESS`, then the mean over all windows that hold the position.
    """
    (mean, square), value = (_window(x) for x in (colours, _products(colours, colours))), _window(values)
    variance = square.view(3, 3, *colours.shape[1:]) - mean[:, None] * mean
    shared = _window(_products(colours, values)).view(3, -1, *colours.shape[1:]) - mean[:, None] * value
    even = EVENNESS * torch.eye(3, device=colours.device)
    slopes = _solve(variance + even[..., None, None], shared).movedim(0, 1)  # (K, 3, h, w)
    lines = torch.cat([slopes, (value - (slopes * mean).sum(1))[:, None]], 1)
    return _window(lines.flatten(0, 1)).view_as(lines)


def apply_lines(line: Tensor, guide: Tensor) -> Tensor:
    """One value's coefficients (4, h, w) at the finer colours of a guide (3, H, W): (H, W)."""
    red, green, blue, constant = _enlarge(line, (guide.shape[1], guide.shape[2]))
    return constant.addcmul_(red, guide[0]).addcmul_(green, guide[1]).addcmul_(blue, guide[2])


def _window(maps: Tensor) -> Tensor:
    """The mean over the window around each position: (C, h, w); at the border over what is there of it."""
    return F.avg_pool2d(maps[None], 2 * RADIUS + 1, 1, RADIUS, count_include_pad=False)[0]


def _solve(matrices: Tensor, values: Tensor) -> Tensor:
    """x of matrices (3, 3, h, w), symmetric and positive, times x = values (3, K, h, w), by Cholesky's factors."""
    lower: dict[tuple[int, int], Tensor] = {}
    for i in range(3):
        for j in range(i + 1):
            rest = matrices[i, j] - sum((lower[i, k] * lower[j, k] for k in range(j)), torch.zeros_like(matrices[i, j]))
            lower[i, j] = rest.clamp_min(EVENNESS / 2).sqrt() if i == j else rest / lower[j, j]
    down: list[Tensor] = []
    for i in range(3):
        down.append((values[i] - sum(lower[i, k] * down[k] for k in range(i))) / lower[i, i])
    up: dict[int, Tensor] = {}
    for i in (2, 1, 0):
        up[i] = (down[i] - sum(lower[k, i] * up[k] for k in range(i + 1, 3))) / lower[i, i]
    return torch.stack([up[i] for i in range(3)])


def _coarse(scores: Tensor, grid: tuple[int, int]) -> Tensor:
    """Scores (K, H, W) at the pixels at the centres of cells: (K, h, w)."""
    rows, columns = (
        (2 * torch.arange(cells, device=scores.device) + 1) * whole // (2 * cells)
        for whole, cells in zip(scores.shape[1:], grid, strict=True)
    )
    return scores.index_select(1, rows).index_select(2, columns).float()


def _cell_means(maps: Tensor, grid: tuple[int, int]) -> Tensor:
    """Maps (C, H, W) as means over cells, (C, h, w); pixels that cells share count in each, as in adaptive pooling."""
    rows, columns = (_shares(whole, cells, maps.device) for whole, cells in zip(maps.shape[1:], grid, strict=True))
    return rows @ maps @ columns.T


def _shares(whole: int, cells: int, device: torch.device) -> Tensor:
    """Of pixels (columns) in the means over cells (rows)."""
    at, pixel = torch.arange(cells, device=device)[:, None], torch.arange(whole, device=device)
    first, end = at * whole // cells, ((at + 1) * whole + cells - 1) // cells
    return ((pixel >= first) & (pixel < end)).float() / (end - first)


def _products(one: Tensor, other: Tensor) -> Tensor:
    return (one[:, None] * other).flatten(0, 1)  # (A, h, w), (B, h, w) -> (A B, h, w)


def _enlarge(maps: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(maps[None], size=size, mode="bilinear", align_corners=False)[0]
