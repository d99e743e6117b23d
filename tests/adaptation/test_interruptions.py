"""Jobs that are cancelled, killed or out of space go on where they were."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors import safe_open
from support.adapting import FILES, HERE, NAMES, TINY, alike, make
from support.recorder import Recorder

from reco_core.adaptation import specialist, specialist_card, training
from reco_core.adaptation.crops import Example
from reco_core.adaptation.recipe import RECIPES
from reco_core.cli import adapt as adapt_cli
from reco_core.cli.main import main
from reco_core.errors import Cancelled, OptionError
from reco_core.models import weights
from reco_core.utils.paths import bundled_folder


@pytest.mark.usefixtures("quick")
def test_cancelled_while_labelling_and_while_training(fast, few, tmp_path, asked, undisturbed):
    out = tmp_path / "out"
    with pytest.raises(Cancelled, match=r"labelling was stopped.*same command continues"):
        make(fast, few, out, control=Recorder(1))
    assert len(asked) == 1 and {file.name for file in out.iterdir()} == {"work"}
    control = Recorder(5)
    with pytest.raises(Cancelled, match=r"training was stopped.*same command continues"):
        make(fast, few, out, control=control)
    assert len(asked) == 2, "what was labelled stays so"
    assert control.reports[-1] == ("training", 3, 4)
    control = Recorder()
    make(fast, few, out, control=control)
    assert len(asked) == 2 and [step for step in control.reports if step[0] == "training"] == [
        ("training", 3, 4),
        ("training", 4, 4),
    ]
    assert {file.name for file in out.iterdir()} == FILES and alike(out, undisturbed)
    assert {**specialist.read_about(out), "files": 0} == {**specialist.read_about(undisturbed), "files": 0}


@pytest.mark.usefixtures("quick")
def test_enough_ends_the_training(fast, few, tmp_path):
    out = make(fast, few, tmp_path / "out", enough=lambda: True)
    assert out.about["step"] == 2 and len(out.about["curve"]) == 1


def test_another_job_in_an_unfinished_folder(fast, few, photos, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(Cancelled):
        make(fast, few, out, control=Recorder(1))
    before = {file: file.read_bytes() for file in out.rglob("*") if file.is_file()}
    for folder, options in (
        (few, {"seed": 9}),
        (photos, {}),
        (few, {"names": ("dog",)}),
        (few, {"rounds": 2}),
        (few, {"recipe": replace(TINY, steps=5)}),
        (few, {"background": ("sky",)}),
    ):
        with pytest.raises(OptionError, match=r"another job was begun in this folder.*repeat that job's options"):
            make(fast, folder, out, **options)
    assert {file: file.read_bytes() for file in out.rglob("*") if file.is_file()} == before


@pytest.mark.parametrize("inside", ["thesis.txt", "work/thesis.txt", "other/deep.txt"])
def test_folders_of_others_are_left_alone(fast, few, tmp_path, inside):
    file = tmp_path / "out" / inside
    file.parent.mkdir(parents=True)
    file.write_text("precious")
    for out in (tmp_path / "out", file):
        with pytest.raises(OptionError, match=r"is not empty.*Choose another --out"):
            make(fast, few, out)
    assert [f for f in (tmp_path / "out").rglob("*") if f.is_file()] == [file] and file.read_text() == "precious"


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("when", ["job", "label", "state", "weights", "graph", "card"])
def test_a_full_disk_loses_nothing(fast, few, tmp_path, monkeypatch, asked, undisturbed, when):
    """The same call goes on where there was no more space."""
    out, calls = tmp_path / "out", []

    def full(*_, **__):
        calls.append(when)
        raise OSError(errno.ENOSPC, "No space left on device")

    def second(real):
        return lambda *arguments: full() if calls.append(0) or len(calls) == 2 else real(*arguments)

    with monkeypatch.context() as patch:
        if when == "job":
            patch.setattr(Path, "replace", full)
        elif when == "label":
            patch.setattr(Example, "write", second(Example.write))
        elif when == "state":
            patch.setattr(weights, "save_file", full)
        elif when == "weights":
            patch.setattr(specialist, "write_tensors", full)
        elif when == "graph":
            patch.setattr(specialist, "export", full)
        else:
            patch.setattr(specialist_card, "plot", full)
        with pytest.raises(OSError, match="No space left"):
            make(fast, few, out)
    assert calls and (out / "work").is_dir()
    labelled = len(asked)
    make(fast, few, out)
    assert {file.name for file in out.iterdir()} == FILES
    assert labelled == {"job": 0, "label": 2}.get(when, 2) and len(asked) == (3 if when == "label" else 2)
    assert alike(out, undisturbed)


KILLED = """
import sys, time
from dataclasses import replace
from support.adapting import TINY
from reco_core.adaptation import training
from reco_core.adaptation.recipe import RECIPES
from reco_core.cli.main import main
RECIPES["tiny"] = TINY
evaluate = training.evaluate
training.evaluate = lambda *rest: (time.sleep(0.4), evaluate(*rest))[1]
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_killed_and_begun_again_by_the_same_command(fast, few, tmp_path, monkeypatch):
    """SIGKILL in the middle of the training of another process."""
    command = [
        "adapt",
        str(few),
        ", ".join(NAMES),
        "--recipe",
        "tiny",
        "--steps",
        "12",
        "--photo-side",
        "96",
        "--device",
        HERE,
        "--out",
    ]
    paths = os.pathsep.join([str(bundled_folder()), str(bundled_folder() / "tests")])
    running = subprocess.Popen(
        [sys.executable, "-c", KILLED, *command, str(tmp_path / "killed")],
        env={**os.environ, "PYTHONPATH": paths},
        stderr=subprocess.DEVNULL,
    )
    state, step = tmp_path / "killed" / "work" / "training-1" / training.STATE, 0
    waiting = time.monotonic() + 90
    while step < 4 and time.monotonic() < waiting and running.poll() is None:
        time.sleep(0.02)
        if state.is_file():
            with safe_open(state, "pt") as opened:
                step = json.loads(opened.metadata()["curve"])[-1]["step"]
    running.send_signal(signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL and 4 <= step < 12
    monkeypatch.setitem(RECIPES, "tiny", TINY)
    monkeypatch.setattr(adapt_cli, "load", lambda args: fast)
    learned, learn = [], training.Training._learn
    monkeypatch.setattr(
        training.Training, "_learn", lambda self, *batch: learned.append(self.step) or learn(self, *batch)
    )
    assert main([*command, str(tmp_path / "killed")]) == 0
    assert learned[0] >= step and learned[-1] == 11
    assert main([*command, str(tmp_path / "whole")]) == 0
    assert alike(tmp_path / "killed", tmp_path / "whole")
    one, two = (specialist.read_about(tmp_path / name) for name in ("killed", "whole"))
    assert one["curve"] == two["curve"] and one["shares"] == two["shares"]
