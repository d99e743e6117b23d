"""A picture for a chat: the photo with its masks, and below or beside it what they are."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from reco_core.export.answers import found_in
from reco_core.export.cutouts import STEPS, smooth_edge
from reco_core.export.picture_legend import PANEL, PAPER, Legend, Marked
from reco_core.types import Segmentation
from reco_core.utils.visualize import colour

SIDE = 1200  # pixels of the long side
STEP = 16  # by which widths are tried
FILL, BORDER = 0.45, 3  # of masks: how opaque, width of outlines
FADE, GREY = 0.14, 90  # the rest is a little paler


class Layout(NamedTuple):
    """Where things are, as (width, height): the whole, the photo at its upper left; and (x, y) of the legend."""

    whole: tuple[int, int]
    photo: tuple[int, int]
    place: tuple[int, int]
    legend: Legend

    @property
    def fill(self) -> float:
        """How much of the whole is photo, 0..1."""
        return self.photo[0] * self.photo[1] / (self.whole[0] * self.whole[1])


def share_picture(
    photo: np.ndarray, labels: np.ndarray, marked: Sequence[Marked], missing: Sequence[str] = ()
) -> np.ndarray:
    """The picture (H, W, 3) uint8, `SIDE` long.

    photo: (H, W, 3) uint8. labels: (H, W) uint8. marked: what is drawn and told; the largest come first, and what there
    is no room for is counted. missing: names to be told if nothing was found.
    """
    told = sorted(marked, key=lambda thing: -thing.share)
    layouts = (layout for layout in (_below(photo, told, missing), _beside(photo, told, missing)) if layout)
    layout = max(layouts, key=lambda layout: layout.fill)
    canvas = Image.new("RGB", layout.whole, PAPER)
    canvas.paste(Image.fromarray(_drawn(photo, labels, told, layout.photo)), (0, 0))
    layout.legend.write(canvas, layout.place)
    return np.asarray(canvas)


def told_of(result: Segmentation) -> tuple[list[Marked], list[str]]:
    """What `share_picture` tells of a result: what was found, and the other names."""
    found = found_in(result)
    marked = [Marked(result.names[label - 1], label, result.share(label)) for label in found]
    return marked, [name for label, name in enumerate(result.names, 1) if label not in found]


def _below(photo: np.ndarray, told: Sequence[Marked], missing: Sequence[str]) -> Layout:
    """The names below: as wide as is not too high."""
    ratio = photo.shape[0] / photo.shape[1]
    for wide in range(SIDE, 0, -STEP):
        legend = Legend.of(told, missing, max(wide, PANEL))
        high = max(1, round(wide * ratio))
        if high + legend.height <= SIDE:
            break
    whole = (max(wide, legend.width), SIDE if wide < SIDE else high + legend.height)
    return Layout(whole, (wide, high), (0, high), legend)


def _beside(photo: np.ndarray, told: Sequence[Marked], missing: Sequence[str]) -> Layout | None:
    """The names at the right, one below the other; nothing if that is too high."""
    legend = Legend.of(told, missing, PANEL, columns=1)
    ratio = photo.shape[0] / photo.shape[1]
    wide = max(1, min(SIDE - legend.width, round(SIDE / ratio)))
    high = max(1, round(wide * ratio))
    if legend.height > SIDE:
        return None
    return Layout((wide + legend.width, max(high, legend.height)), (wide, high), (wide, 0), legend)


def _drawn(photo: np.ndarray, labels: np.ndarray, told: Sequence[Marked], size: tuple[int, int]) -> np.ndarray:
    """The photo at another size (width, height) with smooth masks: (height, width, 3) uint8."""
    small = Image.fromarray(photo).resize(size, Image.Resampling.LANCZOS, reducing_gap=3)
    out: np.ndarray = np.asarray(small, np.float32)
    everything = np.zeros((*out.shape[:2], 1), np.float32)
    layers = list(_covers(labels, told, size))
    for _, cover, _ in layers:
        everything += cover
    out = out + FADE * (1 - everything.clip(0, 1)) * (GREY - out)
    for shade, cover, edge in layers:
        part = np.maximum(FILL * cover, edge)
        out = out + part * (shade - out)
    return out.clip(0, 255).round().astype(np.uint8)


def _covers(
    labels: np.ndarray, told: Sequence[Marked], size: tuple[int, int]
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Of each name the colour (3,), and how much of each pixel it and its outline cover: (H, W, 1) float32, 0..1."""
    at = np.asarray(Image.fromarray(labels).resize(size, Image.Resampling.NEAREST))
    from scipy.ndimage import minimum_filter  # takes a while, and few need it

    step = max(size) / min(STEPS, max(labels.shape))
    for thing in told:
        cover = smooth_edge(at == thing.label, max(1.0, step)).astype(np.float32) / 255
        inner = minimum_filter(cover, 2 * BORDER + 1, mode="nearest")
        yield np.array(colour(thing.label - 1), np.float32), cover[..., None], (cover - inner)[..., None]
