"""`reco archive ...`, as users call it."""

import json
import logging
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import constants
from PIL import Image
from support.hub_server import Hub

from reco_core.archives import hub_sync, manifest
from reco_core.archives.archive import Archive
from reco_core.archives.writer import write_archive
from reco_core.cli.main import main
from reco_core.photo_sources.factory import open_source


@pytest.fixture(scope="module")
def table(real_photos, tmp_path_factory) -> Path:
    """A table of photos with credits, and a folder of others beside it."""
    folder = tmp_path_factory.mktemp("table")
    lines = ["path,licence,author,title"]
    (folder / "others").mkdir()
    for i, (name, photo) in enumerate(real_photos.items()):
        Image.fromarray(photo).save(folder / f"{name}.jpg")
        Image.fromarray(photo[:, photo.shape[1] // 3 :]).save(folder / "others" / f"{name}_right.jpg")
        lines.append(f"{name}.jpg,{'CC0 1.0' if i % 2 else 'all rights reserved'},Ann {i},")
    (folder / "photos.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def built(table, reco, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("built") / "archive"
    with open_source(table / "photos.csv") as source:
        write_archive(folder, source, reco.encoder)
    return folder


@pytest.fixture
def archive(built, tmp_path) -> Path:
    return shutil.copytree(built, tmp_path / "archive")


@pytest.fixture(autouse=True)
def loud(caplog):
    caplog.set_level(logging.INFO)


def rows(text: str) -> list[dict[str, str]]:
    head, *lines = [line.split("\t") for line in text.splitlines()]
    return [dict(zip(head, line, strict=True)) for line in lines]


def test_build_info_verify(table, tmp_path, capsys, caplog):
    out = tmp_path / "own"
    assert main(["archive", "build", str(table / "photos.csv"), "--out", str(out), "--open-only"]) == 0
    said = capsys.readouterr().out
    assert "2 photos in 1 parts, preset mini" in said
    assert "CC0 1.0" in said
    assert "all rights reserved" not in said
    assert main(["archive", "info", str(out)]) == 0
    assert capsys.readouterr().out == said
    assert main(["archive", "verify", str(out)]) == 0
    assert "files are as the manifest says" in caplog.text
    name = manifest.read_manifest(out).parts[0].files["embeddings"]
    data = bytearray((out / name).read_bytes())
    data[-5] ^= 4
    (out / name).write_bytes(data)
    caplog.clear()
    assert main(["archive", "verify", str(out)]) == 2
    assert f"{name}: its SHA-256 differs" in caplog.text
    assert "1 of " in caplog.text


def test_thumbnails(table, tmp_path, capsys, caplog):
    out, photos = tmp_path / "own", str(table / "photos.csv")
    assert main(["archive", "build", photos, "--out", str(out), "--thumbnails", "open"]) == 0
    assert "thumbnails of 2 photos, 0.0 MB" in capsys.readouterr().out
    assert main(["archive", "add", str(out), str(table / "others"), "--thumbnails", "all"]) == 0
    assert main(["archive", "info", str(out)]) == 0
    assert "thumbnails of 7 photos" in capsys.readouterr().out
    assert main(["archive", "verify", str(out)]) == 0
    assert main(["archive", "build", photos, "--out", str(tmp_path / "two"), "--thumbnails", "some"]) == 2
    assert "unknown choice of thumbnails. Given: some. Expected: none, open, all" in caplog.text
    assert main(["archive", "build", photos, "--out", str(tmp_path / "two")]) == 0
    assert "thumbnails" not in capsys.readouterr().out


def test_add_and_segment(archive, table, photo, tmp_path, caplog):
    assert main(["archive", "add", str(archive), str(table / "others")]) == 0
    assert "5 photos added; left out: none" in caplog.text
    assert "references" in manifest.read_manifest(archive).shared  # learned again
    assert main(["segment", str(photo), "cat", "--archive", str(archive), "--out", str(tmp_path / "o"), "-k", "3"]) == 0
    (tmp_path / "more").mkdir()
    for file in table.glob("*.jpg"):
        shutil.copy(file, tmp_path / "more")
    assert main(["archive", "add", str(archive), str(tmp_path / "more")]) == 2
    assert "no photo is new" in caplog.text


def test_titles_from_folders_are_searched(table, reco, tmp_path, capsys, caplog):
    """By words in titles, if that is asked for."""
    (tmp_path / "in" / "zorblatts").mkdir(parents=True)
    shutil.copy(table / "coffee.jpg", tmp_path / "in" / "zorblatts" / "IMG_0001.jpg")
    for name in ("cat", "rocket"):
        shutil.copy(table / f"{name}.jpg", tmp_path / "in")
    out = tmp_path / "titled"
    assert main(["archive", "build", str(tmp_path / "in"), "--out", str(out), "--titles", "folders"]) == 0
    assert [record.title for record in Archive(out).records] == ["", "", "zorblatts"]
    capsys.readouterr()
    assert main(["archive", "search", str(out), "Zorblatt", "-k", "1", "--titles"]) == 0
    assert rows(capsys.readouterr().out)[0]["title"] == "zorblatts"
    assert main(["archive", "build", str(tmp_path / "in"), "--out", str(out), "--titles", "guess"]) == 2
    assert "unknown way to titles" in caplog.text
    photo = str(table / "cat.jpg")
    assert main(["archive", "search", str(out), "cat", "--image", photo, "--titles"]) == 2
    assert "--titles needs words alone" in caplog.text


def test_search_by_words_and_by_photo(archive, table, capsys, caplog):
    assert main(["archive", "search", str(archive), "motorcycle", "-k", "2"]) == 0
    found = rows(capsys.readouterr().out)
    assert found[0]["file"] == "motorcycle.jpg"
    assert found[0]["author"] == "Ann 4"
    assert float(found[0]["similarity"]) > float(found[1]["similarity"])
    assert main(["archive", "search", str(archive), "--image", str(table / "others" / "cat_right.jpg"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["file"] == "cat.jpg"
    assert main(["archive", "search", str(archive)]) == 2
    assert main(["archive", "search", str(archive), "cat", "-k", "0"]) == 2
    assert "nothing to search for" in caplog.text
    assert "-k must be at least 1" in caplog.text


def test_remove_shows_first_and_then_does(archive, capsys, caplog):
    assert main(["archive", "remove", str(archive), "cat.jpg"]) == 0
    assert "1 photos are meant; nothing was removed. Say --yes" in caplog.text
    assert [row["file"] for row in rows(capsys.readouterr().out)] == ["cat.jpg"]
    assert len(Archive(archive)) == 5
    sha = next(record.sha256 for record in Archive(archive).records if record.file == "coffee.jpg")
    assert main(["archive", "remove", str(archive), "cat.jpg", sha, "--yes"]) == 0
    assert {record.file for record in Archive(archive).records} == {"astronaut.jpg", "rocket.jpg", "motorcycle.jpg"}
    assert main(["archive", "remove", str(archive), "--where", "author=ann 2", "--yes"]) == 0
    assert {record.file for record in Archive(archive).records} == {"rocket.jpg", "motorcycle.jpg"}
    assert main(["archive", "remove", str(archive), "--query", "motorcycle", "--above", "0.3", "--yes"]) == 0
    assert {record.file for record in Archive(archive).records} == {"rocket.jpg"}
    assert main(["archive", "verify", str(archive)]) == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nobody.jpg", "--yes"], "there are no such photos. Given: nobody.jpg"),
        (["cat.jpg", "nobody.jpg", "--yes"], "nothing was removed"),
        (["--yes"], "there are no such photos"),
        (["--where", "colour=red"], "--where is not understood"),
        (["--where", "author="], "--where is not understood"),
        (["--query", "cat"], "--query needs --above"),
        (["--where", "file=.jpg", "--yes"], "no photo would be left"),
    ],
)
def test_what_remove_refuses(archive, arguments, says, caplog):
    assert main(["archive", "remove", str(archive), *arguments]) == 2
    assert says in caplog.text
    assert len(Archive(archive)) == 5


def test_merge(archive, table, reco, tmp_path, capsys):
    with open_source(table / "others") as source:
        write_archive(tmp_path / "two", source, reco.encoder)
    assert main(["archive", "merge", str(archive), str(tmp_path / "two"), "--out", str(tmp_path / "both")]) == 0
    assert "10 photos in 2 parts" in capsys.readouterr().out
    np.testing.assert_allclose(Archive(tmp_path / "both").embeddings(np.arange(5)), Archive(archive).embeddings())


def test_teach_from_the_command_line(table, real_photos, photo, tmp_path, caplog):
    (tmp_path / "five").mkdir()
    for i in range(4):
        crop = real_photos["motorcycle"][20 * i : 420, 60 * i : 700]
        Image.fromarray(crop).save(tmp_path / "five" / f"{i}.png")
    taught = ["--teach", f"zorbl={tmp_path / 'five'}"]
    arguments = ["segment", str(table / "motorcycle.jpg"), "zorbl, cat", "--out", str(tmp_path / "o"), *taught]
    assert main(arguments) == 0
    concepts = json.loads((tmp_path / "o/result.json").read_text())["concepts"]
    assert {e["file"] for e in concepts[0]["exemplars"]} == {f"{i}.png" for i in range(4)}
    assert concepts[0]["share"] > 0.15
    assert 'not in this archive: "zorbl"' not in caplog.text
    assert main(["segment", str(photo), "zorbl", "--out", str(tmp_path / "p")]) == 0
    assert 'not in this archive: "zorbl". Its mask means little; add photos of it' in caplog.text
    assert main(["segment", str(photo), "cat", "--out", str(tmp_path / "p"), *taught]) == 2
    assert "--teach is not understood" in caplog.text


def test_two_archives_joined(archive, table, reco, tmp_path):
    with open_source(table / "others") as source:
        write_archive(tmp_path / "two", source, reco.encoder)
    both = ["--archive", str(archive), "--archive", str(tmp_path / "two")]
    assert main(["segment", str(table / "cat.jpg"), "cat", "--out", str(tmp_path / "o"), "-k", "20", *both]) == 0
    exemplars = json.loads((tmp_path / "o/result.json").read_text())["concepts"][0]["exemplars"]
    assert len(exemplars) == 10


def test_without_stored_features(table, tmp_path, caplog):
    out, result = tmp_path / "none", str(tmp_path / "o")
    assert main(["archive", "build", str(table / "photos.csv"), "--out", str(out), "--dense", "none"]) == 0
    segment = ["segment", str(table / "cat.jpg"), "cat", "--archive", str(out), "--out", result]
    assert main(segment) == 2
    assert "--photos FOLDER" in caplog.text
    assert main([*segment, "--photos", str(table)]) == 0
    assert main(["archive", "build", str(table / "photos.csv"), "--out", str(out), "--dense", "tiny"]) == 2
    assert "unknown way to store dense features" in caplog.text


def test_push_and_pull(archive, monkeypatch, tmp_path, capsys, caplog):
    """To a hub on loopback and back; how transfers fail is tested with `hub_sync`."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    hub = Hub()
    for name in ("push", "pull"):
        real = getattr(hub_sync, name)
        monkeypatch.setattr(hub_sync, name, partial(real, endpoint=hub.endpoint, token="hf_owner"))
    try:
        assert main(["archive", "push", str(archive), "someone/photos", "--private"]) == 0
        assert f"uploaded to {hub.endpoint}/datasets/someone/photos/commit/" in caplog.text
        assert hub.repositories["someone/photos"].private
        assert main(["archive", "pull", "someone/photos", "--out", str(tmp_path / "new"), "--revision", "main"]) == 0
        assert "5 photos in 1 parts, preset mini" in capsys.readouterr().out
        assert manifest.read_manifest(tmp_path / "new").hash == manifest.read_manifest(archive).hash
        assert main(["archive", "pull", "someone/photos", "--out", str(tmp_path / "v9"), "--revision", "v9"]) == 2
    finally:
        hub.shutdown()
    assert main(["archive", "push", str(archive), "not a name"]) == 2
    assert main(["archive", "pull", "also/not/a/name", "--out", str(tmp_path / "other")]) == 2
    assert caplog.text.count("error:") == 3
    assert not (tmp_path / "v9").exists() and not (tmp_path / "other").exists()


def test_archives_that_come_with_reco_are_found_from_anywhere(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["archive", "info", "archives/mini"]) == 0
    assert "7,053 photos" in capsys.readouterr().out
    (tmp_path / "archives" / "mini").mkdir(parents=True)
    assert main(["archive", "info", "archives/mini"]) == 2, "what is here comes first"
    assert main(["archive", "add", "archives/none", "x"]) == 2
