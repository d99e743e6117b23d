"""The commands as a user runs them."""

import argparse
import io
import json
import logging
import re
import runpy
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import EntryPoint

import numpy as np
import pytest
from PIL import Image
from support import tiny_preset
from support.web import dead

import reco_core
from reco_core.archives.archive import Archive
from reco_core.archives.writer import write_archive
from reco_core.cli.main import build_parser, main
from reco_core.cli.options import split_files
from reco_core.export import answer
from reco_core.photo_sources.factory import list_photos
from reco_core.photo_sources.source import Files
from reco_core.pipeline import ReCo
from reco_core.presets import PRESETS
from reco_core.utils.paths import bundled_folder
from reco_core.utils.visualize import colour


def commands_of(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """What a parser's commands, and those of its groups, are parsed with."""
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for group in groups:
        for command in group.choices.values():
            yield from commands_of(command)
    if not groups:
        yield parser


COMMANDS = [command.prog.removeprefix("reco ") for command in commands_of(build_parser())]


def test_commands():
    assert {"segment", "predict", "compare", "install", "export", "archive build"} <= {*COMMANDS} and len(
        COMMANDS
    ) == 20


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_an_example_that_can_be_typed(name, capsys):
    with pytest.raises(SystemExit) as done:
        main([*name.split(), "--help"])
    assert done.value.code == 0
    example = re.search(rf"\nexample:\n  reco ({name}\b.*)\n", capsys.readouterr().out)
    assert example
    assert callable(build_parser().parse_args(shlex.split(example[1])).run)


def test_the_module_and_the_installed_command_are_the_same(monkeypatch, capsys):
    """`python -m reco_core`, and what pyproject.toml installs as `reco`."""
    monkeypatch.setattr("sys.argv", ["anything", "--version"])
    target = tomllib.loads((bundled_folder() / "pyproject.toml").read_text())["project"]["scripts"]["reco"]
    with pytest.raises(SystemExit, match=r"^0$"):
        runpy.run_module("reco_core", run_name="__main__")
    with pytest.raises(SystemExit, match=r"^0$"):
        EntryPoint("reco", target, "console_scripts").load()()
    assert capsys.readouterr().out == 2 * f"reco {reco_core.__version__}\n"


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
        assert concept["answer"] == answer(concept["presence"], concept["share"])
        assert concept["found"] is (concept["answer"] == "found")
        assert len(concept["exemplars"]) == 20
        assert all(e["licence"] and len(e["seed"]) == 2 for e in concept["exemplars"])
    assert report["seconds"]["encode"] > 0
    assert "wall" not in report["background_words"]


def test_segment_says_what_was_not_found(photo, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    assert main(["segment", str(photo), "cat, airplane", "--out", str(tmp_path / "out"), "--device", "cpu"]) == 0
    lines = {line.split()[0]: line for line in caplog.messages if "presence" in line}
    assert lines["airplane"].endswith(": not found")
    assert "not found" not in lines["cat"]


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


def test_segment_says_what_it_does_not_understand(photo, tmp_path, caplog):
    out = tmp_path / "out"
    assert main(["segment", str(photo), "red cat . two walls", "--out", str(out), "--device", "cpu"]) == 0
    report = json.loads((out / "result.json").read_text())
    assert [c["name"] for c in report["concepts"]] == ["cat", "wall"]
    assert [remark in caplog.messages for remark in report["remarks"]] == [True, True]
    assert "colours are not understood" in report["remarks"][0]
    assert main(["segment", str(photo), "motorcylce", "--out", str(out), "--device", "cpu"]) == 2
    assert 'Did you mean "motorcycle"?' in caplog.text and "?." not in caplog.text


def test_excluded_files_may_have_commas_in_their_names(photo, tmp_path, caplog):
    assert split_files('a.jpg, b, c.jpg , "d,e.jpg",f.jpg', {"b, c.jpg"}) == {"a.jpg", "b, c.jpg", "d,e.jpg", "f.jpg"}
    assert split_files("a,b.jpg", {"b.jpg"}) == {"a", "b.jpg"}
    assert split_files(" ,", set()) == set()
    arguments = ["segment", str(photo), "cat", "--out", str(tmp_path), "-k", "2", "--exclude", '"no, such.jpg"']
    assert main(arguments) == 0
    assert "the archive has no photo no, such.jpg" in caplog.text


def test_words_reach_the_model_in_their_roles(photo, tmp_path, monkeypatch):
    asked, prepare = {}, ReCo.prepare

    def spy(self, names, **options):
        asked.update(options, names=names)
        return prepare(self, names, **options)

    monkeypatch.setattr(ReCo, "prepare", spy)
    words = ["--background", "sofa, wall", "--context", "sky, tree", "-k", "2"]
    assert main(["segment", str(photo), "cat, dog", "--out", str(tmp_path / "o"), *words]) == 0
    assert list(asked["names"]) == ["cat", "dog"]
    assert (tuple(asked["background"]), tuple(asked["context"]), asked["k"]) == (("sofa", "wall"), ("sky", "tree"), 2)
    assert json.loads((tmp_path / "o" / "result.json").read_text())["background_words"] == ["sofa", "wall"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["segment", "none.jpg", "cat", "--out", "o"], "does not exist"),
        (["segment", "PHOTO", " , ,", "--out", "o"], "no names"),
        (["segment", "PHOTO", "cat", "--out", "o", "--method", "best"], "unknown method"),
        (["segment", "PHOTO", "cat", "--out", "o", "--preset", "papr"], "unknown preset"),
        (["segment", "PHOTO", "cat", "--out", "o", "--archive", "nowhere"], "no archive here"),
        (["segment", "PHOTO", "cat", "--out", "o", "--device", "abacus"], "device cannot be used"),
        (["segment", "PHOTO", "cat", "--out", "PHOTO"], "--out is a file"),
        (["segment", "PHOTO", "cat", "--out", "PHOTO/below/it"], "--out is a file"),
        (["discover", "PHOTO", "--out", "PHOTO"], "--out is a file"),
        (["archive", "build", "nowhere", "--out", "PHOTO"], "--out is a file"),
        (["segment", "PHOTO", "cat", "--out", "o", "--also", "coko"], 'Did you mean "coco"'),
        (["bench", "nowhere"], "unknown data set"),
        (["archive", "build", "nowhere", "--out", "o"], "the photos do not exist"),
    ],
)
def test_errors_are_one_clear_line(photo, tmp_path, monkeypatch, caplog, arguments, says):
    monkeypatch.chdir(tmp_path)
    with caplog.at_level(logging.ERROR):
        assert main([a.replace("PHOTO", str(photo)) for a in arguments]) == 2
    assert says in caplog.text
    assert "Traceback" not in caplog.text


def test_archive_build_and_use(photo_folder, photo, tmp_path):
    out = tmp_path / "own"
    assert main(["archive", "build", str(photo_folder), "--out", str(out)]) == 0
    assert any(file.name.startswith("references_vectors-") for file in out.iterdir())
    assert main(["segment", str(photo), "cat", "--archive", str(out), "--out", str(tmp_path / "o"), "-k", "500"]) == 0
    exemplars = json.loads((tmp_path / "o/result.json").read_text())["concepts"][0]["exemplars"]
    assert len(exemplars) == 20
    assert exemplars[0]["file"].startswith("cat")


@pytest.fixture
def small(monkeypatch, tmp_path, hurry):
    """The tiny preset among the others, its weights in a folder."""
    files = tiny_preset.files()
    folder = tmp_path / "weights"
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    nowhere = dict.fromkeys(files, f"http://{dead()}/none")
    monkeypatch.setitem(PRESETS, "tiny", tiny_preset.preset(nowhere, tiny_preset.hashes(files), "archives/tiny"))
    monkeypatch.setenv("RECO_CACHE", str(tmp_path / "cache"))
    return folder


@pytest.mark.slow
def test_a_preset_is_installed_from_local_files_and_used(small, photo, photo_folder, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    out = str(tmp_path / "out")
    use = [
        "segment",
        str(photo),
        "cat, coffee cup",
        "--preset",
        "tiny",
        "--weights",
        str(small),
        "--out",
        out,
        "--device",
        "cpu",
    ]
    assert main(use) == 2
    assert "Make it with: reco install tiny" in caplog.text
    install = ["install", "tiny", "--photos", str(photo_folder), "--device", "cpu"]
    assert main([*install, "--yes"]) == 2
    assert "are not on this machine and could not be fetched" in caplog.text
    assert main([*install, "--weights", str(small)]) == 0
    assert "preset tiny is ready" in caplog.text
    assert (tmp_path / "cache" / "archives" / "tiny" / "manifest.json").is_file()
    assert main([*install, "--weights", str(small)]) == 0  # nothing to do
    assert main(use) == 0
    report = json.loads((tmp_path / "out" / "result.json").read_text())
    assert report["preset"] == "tiny"
    assert [len(concept["exemplars"]) for concept in report["concepts"]] == [4, 4]
    assert main([*use, "--photo-side", "160", "--precision", "bfloat16"]) == 0
    assert main([*use, "--photo-side", "1"]) == 2
    assert "--photo-side is out of range" in caplog.text
    assert main([*use, "--precision", "float12"]) == 2
    (small / "clip.safetensors").write_bytes((small / "dense.safetensors").read_bytes())
    assert main(use) == 2
    assert "clip.safetensors is not the published file" in caplog.text


def test_large_downloads_are_asked_about(small, monkeypatch, caplog, capsys):
    caplog.set_level(logging.INFO)
    assert main(["install", "tiny"]) == 2
    assert "374 MB would be downloaded. Say so with --yes" in caplog.text
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    assert main(["install", "tiny"]) == 2
    assert "Download 374 MB under MIT? [y/N]" in capsys.readouterr().out
    assert "nothing was downloaded" in caplog.text


def test_presets_and_what_installing_one_would_download(monkeypatch, tmp_path, caplog, capsys):
    caplog.set_level(logging.INFO)
    monkeypatch.setenv("RECO_CACHE", str(tmp_path))
    monkeypatch.setattr("sys.stdin", io.StringIO(""))  # nobody is there to ask
    assert main(["install", "clip"]) == 2
    assert "ViT-B-16.pt: 351 MB, MIT, https://openaipublic" in caplog.text
    assert "439 MB would be downloaded. Say so with --yes" in caplog.text
    assert main(["presets"]) == 0
    listed = capsys.readouterr().out
    assert "12 MB, Apache-2.0; ready" in listed
    assert "1685 MB, MIT; needs: reco install paper" in listed


def test_photos_of_an_archive_are_fetched(reco, web, photo_folder, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    records = list_photos(photo_folder)[:6]
    for record in records:
        web.files[f"/{record.file}"] = (photo_folder / record.file).read_bytes()
    records = [
        replace(r, source_url=web.url(f"/{r.file}"), licence="CC0 1.0" if i else "research")
        for i, r in enumerate(records)
    ]
    archive, out = tmp_path / "archive", tmp_path / "fetched"
    write_archive(archive, Files("", [(record, photo_folder / record.file) for record in records]), reco.encoder)
    fetch = ["archive", "fetch", "--archive", str(archive), "--out", str(out)]
    assert main([*fetch, "--open-only"]) == 0
    assert "5 fetched, 0 were there, 0 could not be had" in caplog.text
    assert main(fetch) == 0
    assert "1 fetched, 5 were there" in caplog.text
    assert main([*fetch, "--connections", "0"]) == 2
    assert main(["archive", "build", str(out), "--out", str(tmp_path / "again"), "--device", "cpu"]) == 0
    again = Archive(tmp_path / "again")
    assert [r.source_url for r in again.records] == [r.source_url for r in records]
    np.testing.assert_array_equal(again.embeddings(), Archive(archive).embeddings())
