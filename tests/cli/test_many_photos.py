"""Many photos at once, as a user segments them."""

import csv
import json
import logging
import shlex
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.results import made_of

from reco_core.cli import discover, options
from reco_core.cli.main import main
from reco_core.pipeline import ReCo
from reco_core.types import Discovery, Segment
from reco_core.zeroguidance.discovery import Discoverer


@pytest.fixture(autouse=True)
def loaded(reco, monkeypatch) -> None:
    """Models that are loaded already."""
    for module in (options, discover):
        monkeypatch.setattr(module, "load", lambda args: reco)


@pytest.fixture
def marked(monkeypatch):
    """Photos are marked in the upper half without any model; the list is of those that were."""
    seen: list[np.ndarray] = []

    def segment(self, photo, references, *, method):
        seen.append(photo)
        labels = np.zeros(photo.shape[:2], np.uint8)
        labels[: len(labels) // 2] = 1
        return made_of(labels, dict.fromkeys(references.names, 0.9))

    monkeypatch.setattr(ReCo, "segment", segment)
    return seen


@pytest.fixture
def folder(tmp_path) -> Path:
    """Photos of one name in several folders, with a file that is none."""
    for i, name in enumerate(("a/x.png", "b/x.png", "x.png", "x.jpg", "Grün 猫.png")):
        file = tmp_path / "in" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 30 + 2 * i), (40 * i, 9, 9)).save(file)
    (tmp_path / "in" / "bad.jpg").write_text("no")
    return tmp_path / "in"


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "table.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_photo_of_a_folder_has_its_own_result(folder, tmp_path, marked, caplog):
    caplog.set_level(logging.INFO)
    out = tmp_path / "out"
    assert main(["segment", str(folder), "cat, dog", "--out", str(out), "-k", "2"]) == 0
    assert "5 photos segmented, 0 were done before, 1 could not be read" in caplog.text
    assert "left out: bad.jpg" in caplog.text and "photos: 6 of 6" in caplog.text
    told = {row["result"]: row["photo"] for row in rows(out) if row["result"]}
    assert sorted(told.values()) == sorted(["a/x.png", "b/x.png", "x.png", "x.jpg", "Grün 猫.png"])
    assert {"a/x", "b/x", "x", "x-2", "Grün 猫"} == set(told)
    for key, name in told.items():
        photo = np.asarray(Image.open(folder / name))
        assert np.asarray(Image.open(out / f"{key}.labels.png")).shape == photo.shape[:2]
        assert np.asarray(Image.open(out / f"{key}.overlay.png")).shape == photo.shape
        assert json.loads((out / f"{key}.result.json").read_text("utf-8"))["photo"] == name
    (bad,) = [row for row in rows(out) if row["problem"]]
    assert bad["photo"] == "bad.jpg"
    assert len(rows(out)) == 5 * 2 + 1


def test_what_is_done_stays_done_for_the_same_settings(folder, tmp_path, marked, caplog):
    caplog.set_level(logging.INFO)
    out = tmp_path / "out"
    command = ["segment", str(folder), "cat", "--out", str(out), "-k", "2"]
    assert main(command) == 0 and len(marked) == 5
    table = rows(out)
    (out / "b/x.result.json").unlink()  # as if it had been stopped there
    assert main(command) == 0 and len(marked) == 6
    assert "1 photos segmented, 4 were done before" in caplog.text
    assert rows(out) == table
    for more in (["--background", "wall"], ["-k", "3"], ["--also", "masks"]):
        before = len(marked)
        assert main([*command, *more]) == 0 and len(marked) == before + 5, more
    assert main([*command[:2], "dog", *command[3:]]) == 0 and len(marked) == before + 10


def test_a_stop_amid_the_photos_loses_none_that_was_done(folder, tmp_path, marked, monkeypatch, caplog):
    out, fine = tmp_path / "out", ReCo.segment

    def stopped(self, photo, references, *, method):
        if len(marked) == 2:
            raise KeyboardInterrupt
        return fine(self, photo, references, method=method)

    command = ["segment", str(folder), "cat", "--out", str(out), "-k", "2"]
    monkeypatch.setattr(ReCo, "segment", stopped)
    assert main(command) == 130
    monkeypatch.setattr(ReCo, "segment", fine)
    caplog.set_level(logging.INFO)
    assert main(command) == 0
    assert "3 photos segmented, 2 were done before" in caplog.text


def test_several_photos_of_one_name_and_folders_with_their_results_in_them(folder, tmp_path, marked):
    out = folder / "results"
    several = [str(folder / "a/x.png"), str(folder / "b/x.png"), str(tmp_path / "none.jpg")]
    assert main(["segment", *several, "cat", "--out", str(out), "-k", "2"]) == 0
    assert [(row["photo"], row["result"]) for row in rows(out)] == [
        ("a/x.png", "a/x"),
        ("b/x.png", "b/x"),
        ("none.jpg", ""),
    ]
    assert main(["segment", str(folder), "cat", "--out", str(out), "-k", "2"]) == 0
    assert len(marked) == 2 + 3  # neither pictures of results, nor what was done
    other = tmp_path / "elsewhere/x.png"
    other.parent.mkdir()
    Image.new("RGB", (50, 50)).save(other)
    before = {file: file.read_bytes() for file in out.rglob("*.result.json")}
    assert main(["segment", str(other), str(tmp_path / "none.jpg"), "cat", "--out", str(out), "-k", "2"]) == 0
    assert all(file.read_bytes() == data for file, data in before.items())
    assert "elsewhere" not in {row["result"] for row in rows(out)} and len(rows(out)) == 7


def test_a_zip_of_photos(folder, tmp_path, marked):
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as packed:
        for name in ("a/x.png", "b/x.png", "bad.jpg"):
            packed.write(folder / name, name)
    out = tmp_path / "out"
    assert main(["segment", str(tmp_path / "photos.zip"), "cat", "--out", str(out), "-k", "2"]) == 0
    assert {row["photo"] for row in rows(out)} == {"a/x.png", "b/x.png", "bad.jpg"}


def test_results_among_the_photos_and_nothing_but_bad_photos_are_errors(folder, tmp_path, marked, caplog):
    assert main(["segment", str(folder), "cat", "--out", str(folder)]) == 2
    assert "results would lie among the photos" in caplog.text
    bad = [str(folder / "bad.jpg"), str(tmp_path / "none.jpg")]
    assert main(["segment", *bad, "cat", "--out", str(tmp_path / "out"), "-k", "2"]) == 2
    assert "no photo could be read" in caplog.text
    assert not (tmp_path / "out").exists()


def test_forgotten_names_are_asked_for(folder, tmp_path, marked, caplog):
    assert main(["segment", str(folder / "x.png"), str(folder / "x.jpg"), "--out", str(tmp_path / "out")]) == 2
    assert "the names are missing" in caplog.text
    assert not marked


def test_one_photo_has_its_files_as_ever_and_what_is_asked_for_besides(photo, tmp_path, marked, caplog):
    out = tmp_path / "out"
    command = ["segment", str(photo), "cat, Straße", "--out", str(out), "-k", "2", "--method", "reco"]
    assert main([*command, "--also", "all"]) == 0
    files = {file.relative_to(out).as_posix() for file in out.rglob("*") if file.is_file()}
    pictures = {"masks/cat.cat.png", "masks/cat.Straße.png", "cutouts/cat.cat.png"}  # no street is marked
    report = {"overlay.png", "labels.png", "result.json", "share/cat.jpg"}
    assert files == {*report, *pictures, "coco.json", "yolo/data.yaml", "yolo/labels/cat.txt"}
    coco = json.loads((out / "coco.json").read_text("utf-8"))
    assert [image["file_name"] for image in coco["images"]] == ["cat.png"]
    mask = np.asarray(Image.open(out / "masks/cat.cat.png"))
    np.testing.assert_array_equal(mask > 0, np.asarray(Image.open(out / "labels.png")) == 1)
    assert main(command) == 0
    assert "is replaced" not in caplog.text  # the same photo
    Image.new("RGB", (50, 50)).save(tmp_path / "other.png")
    assert main(["segment", str(tmp_path / "other.png"), *command[2:]]) == 0
    assert "the result of another photo, cat.png, is replaced" in caplog.text


def test_discover_prints_a_command_that_works(cat, tmp_path, marked, caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    monkeypatch.chdir(tmp_path)
    Image.fromarray(cat).save('my $HOME\'s; "cat".png')
    found = Discovery(np.ones(cat.shape[:2], np.uint8), (Segment("man's best friend", 1.0),), torch.eye(1))
    monkeypatch.setattr(Discoverer, "__init__", lambda *_: None)
    monkeypatch.setattr(Discoverer, "discover", lambda *_: found)
    arguments = ['my $HOME\'s; "cat".png', "--out", "the results", "--device", "cpu"]
    assert main(["discover", *arguments]) == 0
    (line,) = [message for message in caplog.messages if "With ReCo: " in message]
    typed = shlex.split(line.partition("With ReCo: ")[2])
    assert typed[:4] == ["reco", "segment", arguments[0], "man's best friend"]
    assert typed[-2:] == ["--device", "cpu"]
    before = (tmp_path / "the results/result.json").read_bytes()
    assert main(typed[1:]) == 0
    assert (tmp_path / "the results/result.json").read_bytes() == before
    assert (tmp_path / "the results/reco/result.json").is_file()


def test_photos_of_one_kind(folder, tmp_path, marked, caplog):
    caplog.set_level(logging.INFO)
    out = tmp_path / "out"
    command = ["segment", str(folder), "cat, dog", "--out", str(out), "-k", "2"]
    assert main([*command, "--one-kind"]) == 0
    assert json.loads((out / "x.result.json").read_text())["one_kind"] is True
    assert main([*command, "--one-kind"]) == 0
    assert "0 photos segmented, 5 were done before" in caplog.text
    caplog.clear()
    assert main(command) == 0
    assert "5 photos segmented, 0 were done before" in caplog.text, "that is another question"
    assert "one_kind" not in json.loads((out / "x.result.json").read_text())
    assert main(["segment", str(folder / "x.png"), "cat", "--out", str(out), "--one-kind"]) == 2
    assert "one photo alone is of no kind" in caplog.text
