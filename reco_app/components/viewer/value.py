"""What the viewer is given: one dict that JSON can hold, with its pictures as data: URLs. Pure functions on arrays.

Whoever serves files may put their addresses in place of the pictures: the viewer takes files of its own server, too.
"""

import base64
import io
from collections.abc import Sequence
from typing import Literal, NotRequired, TypedDict

import numpy as np
from PIL import Image

from reco_core.export import Answer
from reco_core.types import check_shape
from reco_core.utils.images import limit_size, resize_labels
from reco_core.utils.visualize import colour

LONG_SIDE = 1600  # pixels of a photo as it is shown; larger ones are scaled down
QUALITY = 88

State = Literal["empty", "running", "done", "error"]


class Layer(TypedDict):
    """One method's answer. labels: the address of a grey PNG of label values, 0 the background, i the i-th name."""

    title: str
    labels: str


class Named(TypedDict):
    """A name. colour: "#rrggbb". share, presence: 0..1. remark: a sentence about it, or ""."""

    name: str
    colour: str
    answer: Answer
    share: float
    presence: float
    remark: str


class Heat(TypedDict):
    """How a name was decided: the address of a grey PNG, shown over the photo as a heat map."""

    name: str
    title: str
    address: str


class View(TypedDict):
    """All that the viewer shows. link: an address that reproduces it, for "Copy link", which is there only with one."""

    state: State
    message: str
    file: str
    photo: str
    width: int
    height: int
    layers: list[Layer]
    names: list[Named]
    maps: list[Heat]
    link: NotRequired[str]


def done(
    photo: np.ndarray,
    layers: Sequence[Layer],
    names: Sequence[Named],
    *,
    file: str = "",
    message: str = "",
    maps: Sequence[Heat] = (),
    link: str = "",
) -> View:
    """A result. photo: (H, W, 3) uint8. layers: of the same photo, ReCo's first. names: the i-th is label i + 1's.

    Raises:
        OptionError: the photo has another shape.
    """
    view = empty(photo, message=message, file=file)
    return {**view, "state": "done", "layers": [*layers], "names": [*names], "maps": [*maps], "link": link}


def empty(photo: np.ndarray | None = None, *, message: str = "", file: str = "") -> View:
    """Nothing asked yet: the photo (H, W, 3) uint8 alone, or an invitation if there is none.

    Raises:
        OptionError: the photo has another shape.
    """
    address, width, height = "", 0, 0
    if photo is not None:
        check_shape("the photo", photo, (None, None, 3))
        shown = limit_size(photo, LONG_SIDE)
        address, (height, width) = _url(shown, "WEBP", quality=QUALITY, method=2), shown.shape[:2]
    return View(
        state="empty",
        message=message,
        file=file,
        photo=address,
        width=width,
        height=height,
        layers=[],
        names=[],
        maps=[],
    )


def running(before: View, message: str) -> View:
    """The old result, dimmed; message: what is done now."""
    return {**before, "state": "running", "message": message}


def failed(message: str, before: View | None = None) -> View:
    """A sentence in place of a result; of what was there before, only the photo stays."""
    kept = before or empty()
    return {**kept, "state": "error", "message": message, "layers": [], "names": [], "maps": []}


def refused(message: str, before: View | None) -> View:
    """A sentence beside what was there before, all of which stays."""
    return {**(before or empty()), "state": "error", "message": message}


def layer(title: str, labels: np.ndarray) -> Layer:
    """labels: (H, W) uint8, 0 the background, as large as the photo.

    Raises:
        OptionError: labels have another shape.
    """
    check_shape("labels", labels, (None, None))
    small = limit_size(labels, LONG_SIDE) if max(labels.shape) > LONG_SIDE else labels
    return Layer(title=title, labels=png(resize_labels(labels, small.shape[:2])))


def named(
    names: Sequence[str],
    answers: Sequence[Answer],
    shares: Sequence[float],
    presence: Sequence[float],
    remarks: Sequence[str] = (),
) -> list[Named]:
    """The names with their colours, which are those of the files to download. Numbers are 0..1.

    Raises:
        ValueError: there are not as many of each.
    """
    rows = zip(names, answers, shares, presence, remarks or [""] * len(names), strict=True)
    return [
        Named(
            name=name,
            colour="#{:02x}{:02x}{:02x}".format(*colour(i)),
            answer=answer,
            share=round(float(share), 4),
            presence=round(float(sure), 4),
            remark=remark,
        )
        for i, (name, answer, share, sure, remark) in enumerate(rows)
    ]


def heat(name: str, title: str, values: np.ndarray) -> Heat:
    """values: (h, w), any range, of the whole photo; the lowest is shown as cold, the highest as hot."""
    check_shape("a map", values, (None, None))
    span = float(values.max() - values.min())
    scaled = (values - values.min()) / (span if span > 0 else 1)
    return Heat(name=name, title=title, address=png((255 * scaled).round().astype(np.uint8)))


def png(values: np.ndarray) -> str:
    """Values (H, W) uint8 as the data: URL of a grey PNG without a palette, which holds exactly them."""
    return _url(values.astype(np.uint8), "PNG")


def _url(pixels: np.ndarray, kind: str, **options: int) -> str:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(file.getvalue()).decode()}"
