"""Pictures of results: colours, overlays, feature pictures. Pure functions on arrays."""

import colorsys

import numpy as np
import torch

# Distinct on photos and for most colour-blind people (after Okabe & Ito); index 0 is the first concept.
BASE_COLOURS = (
    (230, 25, 75), (0, 114, 230), (255, 200, 0), (0, 170, 90), (190, 70, 230),
    (255, 120, 0), (0, 200, 220), (255, 130, 180), (140, 90, 40), (120, 130, 255),
)  # fmt: skip
GOLDEN = 0.618033988749895


def colour(index: int) -> tuple[int, int, int]:
    """The colour of concept `index` (0-based), the same in every run: RGB, 0..255."""
    if index < len(BASE_COLOURS):
        return BASE_COLOURS[index]
    red, green, blue = colorsys.hsv_to_rgb((index * GOLDEN) % 1, 0.55 + 0.4 * (index % 3) / 2, 0.95 - 0.3 * (index % 2))
    return round(255 * red), round(255 * green), round(255 * blue)


def palette(count: int) -> np.ndarray:
    """Colours by label value: (count + 1, 3) uint8, black for 0 (background)."""
    return np.array([(0, 0, 0), *(colour(i) for i in range(count))], dtype=np.uint8)


def overlay(photo: np.ndarray, labels: np.ndarray, count: int, opacity: float = 0.6) -> np.ndarray:
    """Labels in colour over a photo, with dark outlines; background stays as it is, slightly faded.

    photo: (H, W, 3) uint8. labels: (H, W), 0 = background. Returns (H, W, 3) uint8.
    """
    colours = palette(count).astype(np.float32)[labels]
    marked = (labels > 0)[..., None]
    base = photo.astype(np.float32)
    out = np.where(marked, (1 - opacity) * base + opacity * colours, base * (1 - 0.25 * opacity))
    out[outlines(labels)] *= 0.35
    return out.round().astype(np.uint8)


def outlines(labels: np.ndarray) -> np.ndarray:
    """(H, W) bool: pixels whose right or lower neighbour has another label."""
    edge = np.zeros(labels.shape, bool)
    edge[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    edge[:-1] |= labels[:-1] != labels[1:]
    return edge


def feature_picture(features: torch.Tensor, grid: tuple[int, int]) -> np.ndarray:
    """What the model sees, as a picture: the three main directions of features as RGB.

    features: (h w, C). Returns (h, w, 3) uint8. Signs are fixed, so the picture is the same each time.
    """
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
