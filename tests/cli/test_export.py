"""The command `export` as a user runs it."""

import logging

import onnx
import pytest
from support.plain_graph import plain_graph

from reco_core.cli import export
from reco_core.cli.main import main
from reco_core.export.page.graph import Graph


@pytest.fixture
def traced(monkeypatch) -> list:
    """What would be traced; tests of the graph trace it."""
    asked: list = []

    def to_onnx(module: Graph) -> onnx.ModelProto:
        asked.append((module.names, module.outlines))
        return plain_graph(module.names)

    monkeypatch.setattr(export, "to_onnx", to_onnx)
    return asked


def test_a_folder(traced, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    assert main(["export", "cat, red cup", "--out", str(tmp_path / "page"), "--title", "Mine"]) == 0
    assert traced == [(("cat", "cup"), True)]
    html = (tmp_path / "page" / "index.html").read_text()
    assert "<title>Mine</title>" in html and "marks cat and cup" in html
    assert (tmp_path / "page" / "offline.js").is_file()
    assert "index.html:" in caplog.text and "http.server" in caplog.text and "red" in caplog.text


def test_one_file_with_what_was_taught(traced, tmp_path, photo_folder):
    teach = f"zorbl={photo_folder}"
    assert main(["export", "zorbl", "--teach", teach, "--single-file", "--out", str(tmp_path / "page")]) == 0
    assert traced == [(("zorbl",), True)]
    assert [file.name for file in (tmp_path / "page").iterdir()] == ["index.html"]
    assert "a photo that was given" in (tmp_path / "page" / "index.html").read_text()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--method", "nope"], "unknown method"),
        (["--teach", "dog=photos"], "--teach is not understood"),
        (["--title", "x" * 200], "the title is too long"),
    ],
)
def test_what_is_wrong_is_said(more, said, traced, tmp_path, caplog):
    assert main(["export", "cat", "--out", str(tmp_path / "page"), *more]) == 2
    assert said in caplog.text
    assert not (tmp_path / "page").exists()


def test_a_method_with_refinement_is_refused(tmp_path, caplog):
    assert main(["export", "cat", "--out", str(tmp_path / "page"), "--method", "reco_crf"]) == 2
    assert "this method cannot be exported" in caplog.text
