"""ReCo itself in a specialist's place, as one ONNX graph with the names in it: where training lost to it."""

import json
from typing import Any

import numpy as np
import torch
from torch import Tensor

from reco_core.export.page.apart import to_onnx_apart
from reco_core.export.page.graph import PhotoGraph, feeds
from reco_core.methods import find_method
from reco_core.models.mini_encoder import MiniEncoder
from reco_core.pipeline import ReCo
from reco_core.types import References
from reco_core.utils.run_control import RunControl


def possible(reco: ReCo, method: str) -> bool:
    """Whether this ReCo can become a graph."""
    return isinstance(reco.encoder, MiniEncoder) and find_method(method).refine in ("", "fast_crf")


def graph_of(reco: ReCo, references: References, method: str, control: RunControl) -> Any:
    """The graph, as `reco_core.export.page.graph` describes it. Takes 20 seconds. Raises Cancelled, OptionError."""
    return to_onnx_apart(PhotoGraph(reco.encoder, reco.scorer, references, find_method(method)), control)


def ask(session: Any, photo: np.ndarray) -> tuple[np.ndarray, tuple[float, ...], Tensor]:
    """Labels (H, W) uint8, presence and probabilities (K + 1, H, W) of a photo (H, W, 3) uint8 of working size."""
    known = {key: json.loads(value) for key, value in session.get_modelmeta().custom_metadata_map.items()}
    labels, presence, scores = session.run(None, feeds(np.ascontiguousarray(photo), known))
    return labels, tuple(presence.tolist()), torch.from_numpy(scores).softmax(0)
