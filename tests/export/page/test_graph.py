"""The graph says what Python says, whatever the photo's size."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
import skimage.data
import torch

from reco_core.errors import OptionError
from reco_core.export.page.graph import PhotoGraph, about, feeds
from reco_core.methods import find_method
from reco_core.pipeline import ReCo, working_photo
from reco_core.types import Segmentation
from reco_core.utils.pixels import as_photo

METHOD = find_method("reco2_crf")
PHOTOS = (
    "astronaut",
    "chelsea",
    "coffee",
    "rocket",
    "retina",
    "camera",
    "coins",
    "moon",
    "page",
    "clock",
    "grass",
    "brick",
)


@pytest.fixture(scope="module")
def said(reco, references) -> dict[str, tuple[np.ndarray, Segmentation]]:
    """Photos, and what Python says of each."""
    photos = {name: working_photo(as_photo(getattr(skimage.data, name)())) for name in PHOTOS}
    return {name: (photo, reco.segment(photo, references, method=METHOD)) for name, photo in photos.items()}


@pytest.mark.slow  # tracing takes 20 seconds of a core
@pytest.mark.parametrize(
    ("weights", "scores", "presence", "least", "mean"),
    [("float16", 8e-3, 2e-4, 0.999, 0.9999), ("steps", 1.0, 0.015, 0.97, 0.995)],
)
def test_it_says_what_python_says(weights, scores, presence, least, mean, session, graph, said):
    """Where little speaks for a name, its mask with outlines may come or go."""
    apart = []
    for photo, ours in said.values():
        labels, sure, theirs = session(weights).run(None, feeds(photo, about(graph)))
        assert (labels.dtype, labels.shape) == (np.uint8, photo.shape[:2])
        assert theirs.shape == ours.scores.shape
        alike = (labels == ours.labels).mean()
        apart.append((np.abs(theirs - ours.scores).max(), np.abs(sure - ours.presence).max(), alike))
    table = np.array(apart)
    assert table[:, 0].max() < scores
    assert table[:, 1].max() < presence
    assert table[:, 2].min() > least
    assert table[:, 2].mean() > mean


@pytest.mark.slow  # tracing takes 20 seconds of a core
def test_it_is_plain_and_says_what_it_knows(graph):
    """Standard operators alone, and constants in place of all that depends on names only."""
    onnx.checker.check_model(graph)
    assert {node.domain for node in graph.graph.node} <= {"", "ai.onnx"}
    assert [one.name for one in graph.graph.input] == ["photo", "rows", "columns", "cell_rows", "cell_columns"]
    assert [one.name for one in graph.graph.output] == ["labels", "presence", "scores"]
    assert about(graph) == {"names": ["cat", "person", "cup"], "side": 336, "patch": 16, "outlines": True}
    assert max(np.prod(constant.dims) for constant in graph.graph.initializer) < 600_000


def test_it_has_the_weights_as_they_are_stored(reco, references):
    """However lowly they are computed with here."""
    half = ReCo.load(precision="bfloat16", device="cpu")
    page = PhotoGraph(half.encoder, half.scorer, references, find_method("reco2_crf"))
    stored = reco.encoder.network.state_dict()
    assert any(one.dtype == torch.bfloat16 for one in half.encoder.network.parameters())
    assert all(torch.equal(one, stored[name]) for name, one in page.network.state_dict().items())


def test_what_cannot_be_exported_is_said(reco, references):
    with pytest.raises(OptionError, match=r"this method cannot be exported. Given: reco_crf. Expected: one without"):
        PhotoGraph(reco.encoder, reco.scorer, references, find_method("reco_crf"))
    other = type("Other", (), {"preset": replace(reco.encoder.preset, name="other")})()
    with pytest.raises(OptionError, match=r"this preset cannot be exported. Given: other. Expected: mini"):
        PhotoGraph(other, reco.scorer, references, find_method("reco2"))
