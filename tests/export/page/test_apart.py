"""Tracing in a process of its own."""

import subprocess
from dataclasses import replace

import numpy as np
import pytest
import torch

from reco_core.errors import Cancelled, OptionError
from reco_core.export.page import apart, handover
from reco_core.export.page.apart import to_onnx_apart
from reco_core.export.page.graph import PhotoGraph, feeds
from reco_core.methods import find_method
from reco_core.utils.run_control import RunControl


@pytest.fixture
def made(reco, references) -> PhotoGraph:
    return PhotoGraph(reco.encoder, reco.scorer, references, find_method("reco2_crf"))


@pytest.mark.parametrize("kind", [False, True])
def test_what_is_handed_over_says_the_same(made, cat, tmp_path, kind):
    if kind:
        count = len(made.references.concepts) + len(made.references.background)
        favoured = replace(made.references, favoured=torch.linspace(-2, 2, count))
        made = PhotoGraph(made.encoder, made.scorer, favoured, made.method)
    handover.write(made, tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {handover.TENSORS, handover.REST}
    again = handover.read(tmp_path)
    assert (again.names, again.method, again.encoder.preset) == (made.names, made.method, made.encoder.preset)
    about = {"side": made.side, "patch": made.patch, "outlines": made.outlines}
    given = [torch.from_numpy(np.asarray(part)) for part in feeds(cat, about).values()]
    with torch.inference_mode():
        (labels, *ours), (again_labels, *theirs) = made.eval()(*given), again.eval()(*given)
        assert torch.equal(labels, again_labels)
        for one, other in zip(ours, theirs, strict=True):  # the first pass may differ by a last bit
            torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-6)


def test_what_goes_wrong_is_said(made, monkeypatch):
    monkeypatch.setattr(handover, "write", lambda graph, folder: (folder / handover.TENSORS).write_bytes(b"damaged"))
    with pytest.raises(OptionError, match="the page could not be made"):
        to_onnx_apart(made, RunControl())


def test_it_ends_when_nobody_waits(made, monkeypatch):
    started, control, begin = [], RunControl(), subprocess.Popen

    def popen(*given, **how):
        control.cancel()
        started.append(begin(["sleep", "100"], stdin=subprocess.DEVNULL))
        return started[0]

    monkeypatch.setattr(apart.subprocess, "Popen", popen)
    with pytest.raises(Cancelled):
        to_onnx_apart(made, control)
    assert started[0].poll() is not None
