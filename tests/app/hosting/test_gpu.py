"""GPUs that a Space lends by the call."""

import os
import sys

from support.fake_spaces import fake_spaces

from reco_app.hosting.gpu import SECONDS, on_gpu


def test_without_the_package_nothing_changes(monkeypatch):
    monkeypatch.setitem(sys.modules, "spaces", None)
    assert on_gpu(os.getpid) is os.getpid


def test_with_it_what_is_asked_goes_to_another_process_and_back(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(fake_spaces(tmp_path))
    monkeypatch.delitem(sys.modules, "spaces", raising=False)
    assert on_gpu(os.getpid) is os.getpid  # a Space that lends none
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    assert on_gpu(os.getpid)() != os.getpid()
    assert sys.modules.pop("spaces").lent == [SECONDS]
