"""The commands `discover` and `vocabulary` as a user runs them."""

import json
import logging

import numpy as np
import pytest
import torch
from PIL import Image

from reco_core.cli import discover
from reco_core.cli.main import main
from reco_core.export import describe_discovery, write_discovery
from reco_core.types import Discovery, Segment
from reco_core.utils.visualize import colour, overlay
from reco_core.zeroguidance import discovery


@pytest.fixture
def loaded(reco, monkeypatch, tmp_path):
    """Models that are loaded already, and an empty cache."""
    monkeypatch.setattr(discover, "load", lambda args: reco)
    monkeypatch.setattr(discovery, "MOST_PARTS", 4)  # quicker
    monkeypatch.setenv("RECO_CACHE", str(tmp_path / "cache"))


def test_discover_writes_what_it_promises(photo, tmp_path, cat, caplog):
    caplog.set_level(logging.INFO)
    out = tmp_path / "new" / "out"
    assert main(["discover", str(photo), "--out", str(out), "--parts", "20", "--device", "cpu"]) == 0
    assert {file.name for file in out.iterdir()} == {"overlay.png", "labels.png", "result.json"}
    report, labels = json.loads((out / "result.json").read_text()), np.asarray(Image.open(out / "labels.png"))
    picture = np.asarray(Image.open(out / "overlay.png"))
    assert picture.shape == cat.shape
    assert (report["photo"], report["preset"], report["parts"], report["words"]) == ("cat.png", "mini", 20, 18_192)
    assert report["size"] == [451, 300]
    assert [s["label"] for s in report["segments"]] == np.unique(labels).tolist()
    assert "cat" in [s["name"] for s in report["segments"]]
    for segment in report["segments"]:
        assert segment["share"] == pytest.approx((labels == segment["label"]).mean(), abs=1e-4)
        assert segment["colour"] == "#{:02x}{:02x}{:02x}".format(*colour(segment["label"] - 1))
        assert 0 < segment["confidence"] <= 1
        assert segment["name"] not in [other["name"] for other in segment["others"]]
        assert any(segment["name"] in message and "of the photo" in message for message in caplog.messages)
    written = (picture != overlay(cat, labels, len(report["segments"]))).any(-1)
    assert 0.001 < written.mean() < 0.1  # the names upon it, and nothing else
    assert report["seconds"]["read"] > 0


def test_discover_with_own_words_and_background(loaded, photo, tmp_path):
    (tmp_path / "words.txt").write_text("cat\nzebra\n")
    out = tmp_path / "out"
    words = ["--words", str(tmp_path / "words.txt"), "--background", ""]
    assert main(["discover", str(photo), "--out", str(out), "--parts", "4", *words]) == 0
    report = json.loads((out / "result.json").read_text())
    assert [s["name"] for s in report["segments"]] == ["cat"]
    assert [other["name"] for s in report["segments"] for other in s["others"]] in ([], ["zebra"])
    assert report["words"] == 2


def test_vocabulary_embeds_own_words_for_good(loaded, reco, tmp_path, caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    (tmp_path / "words.txt").write_text("cat\ndog\nfire hydrant\n")
    arguments = ["vocabulary", "--words", str(tmp_path / "words.txt")]
    assert main(arguments) == 0
    assert "3 words are ready for preset mini" in caplog.text
    assert len(list((tmp_path / "cache" / "vocabularies").iterdir())) == 1
    monkeypatch.setattr(reco.encoder, "text", None)  # nothing can be embedded any more
    assert main(arguments) == 0
    assert main(["vocabulary"]) == 0
    assert "18,192 words are ready" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["discover", "none.jpg", "--out", "o"], "does not exist"),
        (["discover", "PHOTO", "--out", "o", "--parts", "0"], "number of parts is out of range"),
        (["discover", "PHOTO", "--out", "o", "--parts", "21"], "number of parts is out of range"),
        (["discover", "PHOTO", "--out", "o", "--words", "empty.txt"], "no names"),
        (["discover", "PHOTO", "--out", "o", "--words", "none.txt"], "could not be read or written"),
        (["discover", "PHOTO", "--out", "o", "--words", "PHOTO"], "is no text"),
        (["discover", "PHOTO", "--out", "o", "--background", "?"], "no letters"),
        (["discover", "PHOTO", "--out", "o", "--preset", "papr"], "unknown preset"),
        (["discover", "PHOTO", "--out", "o", "--device", "abacus"], "device cannot be used"),
        (["discover", "empty.txt", "--out", "o"], "is not an image"),
        (["vocabulary", "--words", "empty.txt"], "no names"),
        (["vocabulary", "--words", "none.txt"], "could not be read or written"),
    ],
)
def test_errors_are_one_clear_line_and_nothing_is_written(photo, tmp_path, monkeypatch, caplog, arguments, says):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RECO_CACHE", str(tmp_path / "cache"))
    (tmp_path / "empty.txt").write_text("\n")
    before = sorted(tmp_path.iterdir())
    with caplog.at_level(logging.ERROR):
        assert main([str(photo) if a == "PHOTO" else a for a in arguments]) == 2
    assert says in caplog.text
    assert "Traceback" not in caplog.text
    assert sorted(tmp_path.iterdir()) == before


def test_a_folder_that_cannot_be_written_is_told_of(photo, cat):
    found = Discovery(np.ones(cat.shape[:2], np.uint8), (Segment("cat", 1.0),), torch.eye(1))
    with pytest.raises(FileExistsError):
        write_discovery(found, cat, photo, {})


def test_a_description_says_what_the_result_does():
    labels = np.array([[1, 1, 1, 2], [1, 1, 1, 1]], np.uint8)
    segments = (Segment("Straße", 0.87654321, (("road", 0.1), ("wall", 0.02))), Segment("cat", 0.5))
    told = describe_discovery(Discovery(labels, segments, torch.eye(2), {"read": 0.123456}))
    assert told == {
        "size": [4, 2],
        "segments": [
            {
                "label": 1,
                "name": "Straße",
                "colour": "#5588ff",
                "share": 0.875,
                "confidence": 0.8765,
                "others": [{"name": "road", "confidence": 0.1}, {"name": "wall", "confidence": 0.02}],
            },
            {"label": 2, "name": "cat", "colour": "#ddee33", "share": 0.125, "confidence": 0.5, "others": []},
        ],
        "seconds": {"read": 0.1235},
    }
