"""The commands as a user runs them."""

import json
import logging

import numpy as np
import pytest
from PIL import Image

from reco_core.cli import main
from reco_core.visualise import colour


@pytest.fixture
def photo(tmp_path, cat):
    Image.fromarray(cat).save(tmp_path / "cat.png")
    return tmp_path / "cat.png"


def test_segment_writes_what_it_promises(photo, tmp_path, cat):
    out = tmp_path / "out"
    assert main(["segment", str(photo), "cat, wall", "--out", str(out), "--device", "cpu"]) == 0
    report = json.loads((out / "result.json").read_text())
    labels = np.asarray(Image.open(out / "labels.png"))
    assert labels.shape == cat.shape[:2]
    assert np.asarray(Image.open(out / "overlay.png")).shape == cat.shape
    assert [c["name"] for c in report["concepts"]] == ["cat", "wall"]
    for concept in report["concepts"]:
        assert concept["share"] == pytest.approx((labels == concept["label"]).mean(), abs=1e-4)
        assert concept["colour"] == "#{:02x}{:02x}{:02x}".format(*colour(concept["label"] - 1))
        assert 0 <= concept["presence"] <= 1
        assert len(concept["exemplars"]) == 20
        assert all(e["licence"] and len(e["seed"]) == 2 for e in concept["exemplars"])
    assert report["seconds"]["encode"] > 0
    assert "wall" not in report["background_words"]


def test_segment_options(photo, tmp_path):
    out = tmp_path / "out"
    arguments = ["segment", str(photo), "cat", "--out", str(out), "-k", "3", "--background", "", "--method", "reco_crf"]
    assert main(arguments) == 0
    report = json.loads((out / "result.json").read_text())
    assert report["background_words"] == []
    first = report["concepts"][0]["exemplars"]
    assert len(first) == 3
    assert main([*arguments, "--exclude", first[0]["file"]]) == 0
    second = json.loads((out / "result.json").read_text())["concepts"][0]["exemplars"]
    assert first[0]["file"] not in [e["file"] for e in second]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["segment", "none.jpg", "cat", "--out", "o"], "does not exist"),
        (["segment", "PHOTO", " , ,", "--out", "o"], "no names"),
        (["segment", "PHOTO", "cat", "--out", "o", "--method", "best"], "unknown method"),
        (["segment", "PHOTO", "cat", "--out", "o", "--preset", "papr"], "unknown preset"),
        (["segment", "PHOTO", "cat", "--out", "o", "--archive", "nowhere"], "no archive here"),
        (["segment", "PHOTO", "cat", "--out", "o", "--device", "abacus"], "device cannot be used"),
        (["segment", "PHOTO", "cat", "--out", "PHOTO"], "could not be read or written"),
        (["bench", "nowhere"], "no benchmark folder"),
        (["archive", "build", "nowhere", "--out", "o"], "does not exist"),
    ],
)
def test_errors_are_one_clear_line(photo, tmp_path, monkeypatch, caplog, arguments, says):
    monkeypatch.chdir(tmp_path)
    with caplog.at_level(logging.ERROR):
        assert main([str(photo) if a == "PHOTO" else a for a in arguments]) == 2
    assert says in caplog.text
    assert "Traceback" not in caplog.text


def test_bench_prints_a_table_and_writes_json(tmp_path, cat, capsys):
    for part in ("images", "labels"):
        (tmp_path / "set" / part).mkdir(parents=True)
    Image.fromarray(cat).save(tmp_path / "set/images/a.jpg")
    Image.fromarray(np.ones(cat.shape[:2], np.uint8)).save(tmp_path / "set/labels/a.png")
    (tmp_path / "set/meta.json").write_text('{"classes": ["background", "cat"], "background": 0}')
    arguments = ["bench", str(tmp_path / "set"), "--methods", "reco,denseclip", "--json", str(tmp_path / "r.json")]
    assert main(arguments) == 0
    assert "| reco |" in capsys.readouterr().out
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["methods"]["reco"]["per_class"]["cat"] > 0.3


def test_archive_build_and_use(photo_folder, photo, tmp_path):
    out = tmp_path / "own"
    assert main(["archive", "build", str(photo_folder), "--out", str(out)]) == 0
    assert (out / "references.safetensors").is_file()
    assert main(["segment", str(photo), "cat", "--archive", str(out), "--out", str(tmp_path / "o"), "-k", "500"]) == 0
    exemplars = json.loads((tmp_path / "o/result.json").read_text())["concepts"][0]["exemplars"]
    assert len(exemplars) == 20
    assert exemplars[0]["file"].startswith("cat")
