"""Tracing in a process of its own."""

import subprocess

import pytest
from torch import nn

from reco_core.errors import Cancelled, OptionError
from reco_core.export.page import apart
from reco_core.export.page.apart import to_onnx_apart
from reco_core.export.page.graph import Graph
from reco_core.utils.run_control import RunControl


class Odd(Graph):
    """Nothing that the other process knows."""

    def __init__(self) -> None:
        super().__init__(("cat",), 64, 16, outlines=False)
        self.layer = nn.Linear(2, 2)


def test_what_goes_wrong_is_said():
    with pytest.raises(OptionError, match="the page could not be made"):
        to_onnx_apart(Odd(), RunControl())


def test_it_ends_when_nobody_waits(monkeypatch):
    started, control, begin = [], RunControl(), subprocess.Popen

    def popen(*given, **how):
        control.cancel()
        started.append(begin(["sleep", "100"], stdin=subprocess.PIPE))
        return started[0]

    monkeypatch.setattr(apart.subprocess, "Popen", popen)
    with pytest.raises(Cancelled):
        to_onnx_apart(Odd(), control)
    assert started[0].poll() is not None
