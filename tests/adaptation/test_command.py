"""Adapting and predicting from the command line."""

import errno
import json
import logging

import numpy as np
import pytest
from PIL import Image
from support.adapting import HERE, NAMES

from reco_core.adaptation import specialist
from reco_core.adaptation.crops import Example
from reco_core.adaptation.specialist import Specialist
from reco_core.cli import adapt as adapt_cli
from reco_core.cli.main import main
from reco_core.pipeline import ReCo


def test_predict(finished, photo, cat, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    out = tmp_path / "out"
    assert main(["predict", str(finished), str(photo), "--out", str(out), "--device", "cpu"]) == 0
    report = json.loads((out / "result.json").read_text())
    labels = np.asarray(Image.open(out / "labels.png"))
    assert labels.shape == cat.shape[:2] and report["specialist"] == "out"
    assert [concept["name"] for concept in report["concepts"]] == list(NAMES)
    np.testing.assert_array_equal(labels, Specialist(finished, "cpu").segment(cat).labels)
    for concept in report["concepts"]:
        assert concept["share"] == pytest.approx((labels == concept["label"]).mean(), abs=1e-4)
        assert 0 <= concept["presence"] <= 1 and concept["exemplars"] == []
    assert all(any(line.startswith(name) and "presence" in line for line in caplog.messages) for name in NAMES)


@pytest.mark.usefixtures("loaded", "quick")
def test_adapt_from_the_archive(rare, tmp_path, monkeypatch, caplog):
    own, folder = rare
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(adapt_cli, "load", lambda args: ReCo(own.encoder.at_side(96), own.archive))
    command = ["adapt", "archive", "cat", "--count", "2", "--photos", str(folder), "--out", str(tmp_path / "out")]
    assert (
        main(
            [
                *command,
                "--recipe",
                "tiny",
                "--steps",
                "2",
                "--batch",
                "3",
                "--random",
                "--background",
                "",
                "--context",
                "",
                "--device",
                HERE,
            ]
        )
        == 0
    )
    about = specialist.read_about(tmp_path / "out")
    assert (about["photos"], about["initial"], about["step"]) == (6, "random weights", 2)
    assert (about["recipe"]["steps"], about["recipe"]["batch"]) == (2, 3)
    assert "1 names from 6 photos; step 2 was kept" in caplog.text and "reco predict " in caplog.text


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["adapt", "PHOTOS", " , ", "--out", "o"], "no names"),
        (["adapt", "PHOTOS", "cat, Background", "--out", "o"], "has a background of its own"),
        (["adapt", "PHOTOS", ",".join(f"n{i}" for i in range(255)), "--out", "o"], "too many names"),
        (["adapt", "nowhere", "cat", "--out", "o"], "the photos do not exist"),
        (["adapt", "EMPTY", "cat", "--out", "o"], "no photos in this folder"),
        (["adapt", "PHOTOS", "cat", "--out", "PHOTOS"], "is not empty"),
        (["adapt", "PHOTOS", "cat", "--out", "PHOTOS/a.png"], "--out is a file"),
        (["adapt", "PHOTOS", "cat", "--out", "MADE"], "another specialist"),
        (["adapt", "PHOTOS", "cat", "--out", "o", "--recipe", "slow"], "unknown recipe"),
        (["adapt", "PHOTOS", "cat", "--out", "o", "--steps", "0"], "this steps"),
        (["adapt", "PHOTOS", "cat", "--out", "o", "--batch", "1"], "this batch"),
        (["adapt", "PHOTOS", "cat", "--out", "o", "--rounds", "9"], "rounds are out of range"),
        (["adapt", "PHOTOS", "cat", "--out", "o", "--seed", "-4"], "seed is out of range"),
        (["adapt", "PHOTOS", "cat", "--out", "o", "--method", "best"], "unknown method"),
        (["adapt", "archive", "cat", "--out", "o", "--count", "0"], "so many photos of a name"),
        (["adapt", "archive", "cat", "--out", "o", "--photos", "EMPTY"], "none of the archive's photos is here"),
        (["predict", "nowhere", "PHOTOS/a.png", "--out", "o"], "there is no specialist here"),
        (["predict", "EMPTY", "PHOTOS/a.png", "--out", "o"], "there is no specialist here"),
        (["predict", "MADE", "none.png", "--out", "o"], "does not exist"),
        (["predict", "MADE", "PHOTOS/a.png", "--out", "o", "--device", "abacus"], "device cannot be used"),
        (["predict", "MADE", "PHOTOS/a.png", "--out", "PHOTOS/a.png"], "--out is a file"),
        (
            ["bench", "SET", "--methods", "denseclip", "--specialist", "MADE"],
            "names that the data set does not ask for",
        ),
        (["bench", "SET", "--methods", "denseclip", "--specialist", "EMPTY"], "there is no specialist here"),
    ],
)
def test_errors_are_one_clear_line(finished, photos, things, tmp_path, monkeypatch, caplog, arguments, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    places = {"PHOTOS": photos, "MADE": finished, "EMPTY": tmp_path / "empty", "SET": things.parent / "three"}
    first = {argument: argument.partition("/") for argument in arguments}
    given = [
        str(places[a]) + slash + rest if (a := part) in places else whole
        for whole in arguments
        for part, slash, rest in [first[whole]]
    ]
    with caplog.at_level(logging.ERROR):
        assert main(given) == 2
    assert says in caplog.text and "Traceback" not in caplog.text


@pytest.mark.usefixtures("loaded")
def test_stopped_by_the_user(few, tmp_path, monkeypatch, caplog):
    def pressed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Example, "write", pressed)
    assert main(["adapt", str(few), "cat", "--out", str(tmp_path / "out"), "--recipe", "tiny"]) == 130
    assert "the same command continues" in caplog.text


@pytest.mark.usefixtures("loaded")
def test_a_full_disk_is_one_clear_line(few, tmp_path, monkeypatch, caplog):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Example, "write", full)
    assert main(["adapt", str(few), "cat", "--out", str(tmp_path / "out"), "--recipe", "tiny"]) == 2
    assert "the disk is full. Free some space" in caplog.text
