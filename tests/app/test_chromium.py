"""Where the tests' browser comes from."""

import subprocess

import pytest
from support import chromium


def test_the_machines_browser_first_then_playwrights_then_a_sentence(monkeypatch, tmp_path):
    own, commands = tmp_path / "own", []
    monkeypatch.setattr(subprocess, "run", lambda command, **_: commands.append(command))
    monkeypatch.setattr(chromium.shutil, "which", lambda name: "/bin/chromium" if name == "chromium" else None)
    assert chromium.executable(str(own)) == "/bin/chromium"
    monkeypatch.setattr(chromium.shutil, "which", lambda name: None)
    with pytest.raises(pytest.fail.Exception, match="install the system's package `chromium`"):
        chromium.executable(str(own))
    assert [command[-2:] for command in commands] == [["install", "chromium"]]
    own.touch()
    assert chromium.executable(str(own)) == str(own)
    assert len(commands) == 1
