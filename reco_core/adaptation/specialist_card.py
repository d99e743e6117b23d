"""A specialist's card: what it marks, what it learned from, how that went, with example masks. For people."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from reco_core.adaptation.curve import Curve
from reco_core.adaptation.labels import NONE
from reco_core.adaptation.specialist import Specialist
from reco_core.pipeline import WORKING_SIDE
from reco_core.utils.atomic_write import atomic_write
from reco_core.utils.images import centre_crop, limit_size, read_photo
from reco_core.utils.optional import import_optional
from reco_core.utils.templates import render
from reco_core.utils.visualize import colour, overlay

README, CURVE, EXAMPLES = "README.md", "curve.png", "examples.jpg"
MOST_EXAMPLES = 6
SIDE = 260  # of an example's squares
COLUMNS = 2  # of examples, each a photo and its marks


def write(specialist: Specialist, photos: Sequence[Path], folder: Path) -> None:
    """Write README.md, curve.png and examples.jpg (of the first of these photos) beside a specialist.

    Raises:
        OSError: they cannot be written. DependencyError: matplotlib is not installed.
    """
    plot(Curve.of(specialist.about["curve"]), folder / CURVE)
    pairs = [example(specialist, read_photo(photo)) for photo in photos[:MOST_EXAMPLES]]
    sheet(pairs).save(folder / EXAMPLES, quality=88)
    atomic_write(folder / README, text(specialist.about))


def plot(curve: Curve, file: Path) -> None:
    """Draw a curve as PNG: loss, and what held-out photos said, by step; the look that was kept is marked."""
    figure = import_optional("matplotlib.figure", "a plot", "requirements.txt").Figure(
        (7, 3.2), dpi=110, layout="constrained"
    )
    left, right = figure.subplots(1, 2)
    steps = [look.step for look in curve.looks]
    left.plot(steps, [look.loss for look in curve.looks], color="0.3")
    left.set_yscale("log")
    left.set_title("loss", fontsize=9)
    for kind, name, shade in (
        ("fits", "says what ReCo says where it is sure", "#0072e6"),
        ("agrees", "agrees with itself (pixels)", "#00aa5a"),
    ):
        points = [(look.step, getattr(look, kind)) for look in curve.looks if getattr(look, kind) is not None]
        if points:
            right.plot(*zip(*points, strict=True), color=shade, label=name, marker=".")
    right.set_title("on photos that were held out", fontsize=9)
    if right.lines:
        right.axvline(curve.best.step, color="#e6194b", linestyle=":", label="kept")
        right.legend(fontsize=8)
    else:
        right.text(
            0.5, 0.5, "too few photos to hold any out", ha="center", va="center", fontsize=8, transform=right.transAxes
        )
    for axes in (left, right):
        axes.set_xlabel("step", fontsize=8)
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.3)
    figure.savefig(file)


def example(specialist: Specialist, photo: np.ndarray) -> np.ndarray:
    """The middle of a photo and what the specialist marks in it, two squares side by side: uint8 RGB."""
    working = limit_size(photo, WORKING_SIDE)
    marked = overlay(working, specialist.segment(working).labels, len(specialist.names))
    squares = [
        Image.fromarray(centre_crop(whole)).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        for whole in (working, marked)
    ]
    return np.hstack([np.asarray(square) for square in squares])


def sheet(pictures: Sequence[np.ndarray]) -> Image.Image:
    """Pictures of one size, in rows."""
    height, width = pictures[0].shape[:2]
    columns = min(COLUMNS, len(pictures))
    rows = -(-len(pictures) // columns)
    out = Image.new("RGB", (columns * width, rows * height), "white")
    for i, picture in enumerate(pictures):
        out.paste(Image.fromarray(picture), (i % columns * width, i // columns * height))
    return out


def text(about: dict[str, Any]) -> str:
    """The card in Markdown."""
    best = Curve.of(about["curve"]).best
    return render("adaptation/specialist_card.md", **about, best=best, plain=_plain, colour=colour, background=NONE)


def _plain(name: str) -> str:
    """A name that Markdown shows as it is."""
    return re.sub(r"([\\`*_{}\[\]<>#|!])", r"\\\1", name)
