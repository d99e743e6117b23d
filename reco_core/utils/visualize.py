"""Pictures of results: colours, overlays, feature pictures. Pure functions on arrays.

Pages and templates want the colours at once; what takes a second to import is imported by what works with it.
"""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from reco_core.utils.fonts import can_write, name_font

if TYPE_CHECKING:
    from torch import Tensor

# The first twelve are apart from one another and from the app's rose for all eyes: in CIE Lab by 24 or more, also as
# people without red or without green cones see them (tests/utils/test_palette.py). Index 0 is the first concept.
BASE_COLOURS = (
    (85, 136, 255),
    (221, 238, 51),
    (187, 17, 170),
    (0, 255, 187),
    (255, 170, 102),
    (34, 153, 102),
    (136, 51, 34),
    (51, 51, 204),
    (85, 238, 238),
    (136, 51, 102),
    (68, 187, 255),
    (136, 119, 0),
)
GOLDEN = 0.618033988749895
TAG = 32.0  # of a photo's long side, the height of a name's letters; at least `LEAST_TAG` pixels
LEAST_TAG = 11


def colour(index: int) -> tuple[int, int, int]:
    """The colour of concept `index` (0-based), the same in every run: RGB, 0..255."""
    if index < len(BASE_COLOURS):
        return BASE_COLOURS[index]
    hue = 0.05 + 0.82 * ((index * GOLDEN) % 1)  # no rose
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.55 + 0.4 * (index % 3) / 2, 0.95 - 0.3 * (index % 2))
    return round(255 * red), round(255 * green), round(255 * blue)


def palette(count: int) -> np.ndarray:
    """Colours by label value: (count + 1, 3) uint8, black for 0 (background)."""
    return np.array([(0, 0, 0), *(colour(i) for i in range(count))], dtype=np.uint8)


def overlay(photo: np.ndarray, labels: np.ndarray, count: int, opacity: float = 0.6) -> np.ndarray:
    """Labels in colour over a photo, with dark outlines; background stays as it is, slightly faded.

    photo: (H, W, 3) uint8. labels: (H, W), 0 = background. Returns (H, W, 3) uint8.
    """
    tables = _tables(count, opacity)
    rows = labels.astype(np.intp) + (count + 1) * outlines(labels)
    return np.stack([tables[channel].ravel().take(256 * rows + photo[..., channel]) for channel in range(3)], -1)


def _tables(count: int, opacity: float) -> np.ndarray:
    """What becomes of a photo's 256 values under each label, and behind them on each label's outline: by channel,
    (3, 2 (count + 1), 256) uint8.
    """
    values, colours = np.arange(256, dtype=np.float32), palette(count).astype(np.float32).T[..., None]
    tables = (1 - opacity) * values + opacity * colours
    tables[:, 0] = values * (1 - 0.25 * opacity)
    return np.concatenate([tables, 0.35 * tables], 1).round().astype(np.uint8)


def tag(picture: np.ndarray, labels: np.ndarray, texts: Sequence[str]) -> np.ndarray:
    """Names written upon a picture (H, W, 3) uint8, each where its label (H, W) is widest; texts[i - 1] is that of i.

    Labels without pixels get none. Names are moved into the picture; one that is wider than it is cut off. For a name
    with signs that the font has not got, its label's number is written.
    """
    from scipy.ndimage import distance_transform_edt

    height, width = labels.shape
    image = Image.fromarray(picture)
    pen, font = ImageDraw.Draw(image), name_font(max(LEAST_TAG, round(max(height, width) / TAG)))
    for i, text in enumerate(texts, 1):
        inside = np.pad(labels == i, 1)
        if text and inside.any():
            shown = text if can_write(text) else str(i)
            y, x = np.unravel_index(distance_transform_edt(inside).argmax(), inside.shape)
            left, top, right, bottom = (round(edge) for edge in pen.textbbox((0, 0), shown, font=font, anchor="mm"))
            pad = (bottom - top) // 3
            x = max(pad - left, min(int(x) - 1, width - 1 - pad - right))
            y = max(pad - top, min(int(y) - 1, height - 1 - pad - bottom))
            box = (x + left - pad, y + top - pad, x + right + pad, y + bottom + pad)
            pen.rounded_rectangle(box, pad, fill=(20, 20, 28), outline=colour(i - 1), width=max(1, pad // 3))
            pen.text((x, y), shown, (255, 255, 255), font, anchor="mm")
    return np.asarray(image)


def outlines(labels: np.ndarray) -> np.ndarray:
    """(H, W) bool: pixels whose right or lower neighbour has another label."""
    edge = np.zeros(labels.shape, bool)
    edge[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    edge[:-1] |= labels[:-1] != labels[1:]
    return edge


def feature_picture(features: Tensor, grid: tuple[int, int]) -> np.ndarray:
    """What the model sees, as a picture: the three main directions of features as RGB.

    features: (h w, C). Returns (h, w, 3) uint8. Signs are fixed, so the picture is the same each time.
    """
    import torch

    centred = features.float() - features.float().mean(0)
    _, _, directions = torch.linalg.svd(centred, full_matrices=False)
    directions = directions[:3]
    largest = directions.gather(1, directions.abs().argmax(1, keepdim=True))
    values = centred @ (directions * largest.sign()).T
    low, high = values.quantile(0.02, dim=0), values.quantile(0.98, dim=0)
    scaled = ((values - low) / (high - low).clamp_min(1e-6)).clamp(0, 1)
    return (scaled.view(*grid, 3) * 255).round().byte().numpy()


def heat(values: np.ndarray) -> np.ndarray:
    """A map (H, W) as colours from dark blue over green to yellow, stretched to its range; uint8 RGB."""
    span = values.max() - values.min()
    x = (values - values.min()) / (span if span > 0 else 1)
    stops = np.array([(48, 18, 110), (38, 110, 160), (60, 180, 110), (250, 225, 60)], np.float32)
    position = x * (len(stops) - 1)
    low = np.clip(position.astype(int), 0, len(stops) - 2)
    share = (position - low)[..., None]
    return ((1 - share) * stops[low] + share * stops[low + 1]).round().astype(np.uint8)
