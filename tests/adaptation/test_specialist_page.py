"""A specialist as a page of its own says what the specialist says."""

import numpy as np
import onnxruntime
import pytest
import skimage.data
from support.adapting import NAMES, made

from reco_core.adaptation.specialist import Specialist
from reco_core.adaptation.specialist_page import SpecialistGraph, credits_of
from reco_core.cli import export
from reco_core.cli.main import main
from reco_core.export.page.graph import about, feeds, to_onnx
from reco_core.pipeline import working_photo


@pytest.mark.slow  # tracing takes 10 seconds of a core
def test_it_says_what_the_specialist_says(tmp_path_factory):
    specialist = Specialist(made(tmp_path_factory.getbasetemp())[0], "cpu")
    graph = to_onnx(SpecialistGraph(specialist))
    assert about(graph) == {"names": list(NAMES), "side": 64, "patch": 32, "outlines": False}
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    for photo in (skimage.data.chelsea(), skimage.data.astronaut(), skimage.data.coffee()[:, :150]):
        small = working_photo(photo)
        ours = specialist.segment(small)
        labels, presence, scores = session.run(None, feeds(small, about(graph)))
        np.testing.assert_allclose(scores, ours.scores, atol=1e-4)
        np.testing.assert_allclose(presence, ours.presence, atol=1e-4)
        assert (labels == ours.labels).mean() > 0.9999
    assert "No photo is in this page" in credits_of(specialist)


def test_the_command(tmp_path_factory, tmp_path, monkeypatch, caplog):
    from support.plain_graph import plain_graph

    folder = made(tmp_path_factory.getbasetemp())[0]
    monkeypatch.setattr(export, "to_onnx", lambda module: plain_graph(module.names))
    assert main(["export", "--specialist", str(folder), "--out", str(tmp_path / "page")]) == 0
    assert "marks cat, coffee cup and rocket" in (tmp_path / "page" / "index.html").read_text()
    assert main(["export", "cat", "--specialist", str(folder), "--out", str(tmp_path / "no")]) == 2
    assert "names, or --specialist FOLDER, and not both" in caplog.text
    assert main(["export", "--specialist", str(tmp_path), "--out", str(tmp_path / "no")]) == 2
    assert "there is no specialist here" in caplog.text and not (tmp_path / "no").exists()
