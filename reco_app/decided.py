"""How a name was decided, as the viewer shows it; computed when it is asked for."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from reco_core.methods import Method
from reco_core.types import Encoded, References

if TYPE_CHECKING:
    from reco_core.pipeline import ReCo


def decided(
    reco: ReCo,
    photo: np.ndarray,
    references: References,
    label: int,
    method: str | Method,
    encoded: Encoded | None = None,
) -> list[dict[str, str]]:
    """The viewer's "maps" of a name: its name, a title, and the address of a grey PNG each.

    photo, encoded: as in `ReCo.segment`. label: the name's, from 1.
    """
    maps = reco.explain(photo, references, label, method=method, encoded=encoded)
    name = references.names[label - 1]
    return [{"name": name, "title": title, "address": _png_url(values)} for title, values in maps.items()]


def _png_url(values: np.ndarray) -> str:
    packed = io.BytesIO()
    Image.fromarray(values).save(packed, "PNG")
    return "data:image/png;base64," + base64.b64encode(packed.getvalue()).decode()
