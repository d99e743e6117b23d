"""Which files are photos: one rule for folders, zips, tars, bench and uploads, with an account of the rest."""

import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.packed import contents, pack

from reco_app.visitor.uploads import Uploads
from reco_core.archives.archive import Archive
from reco_core.archives.changes import add_photos
from reco_core.archives.writer import Options, write_archive
from reco_core.datasets.folder import open_folder
from reco_core.errors import DatasetError
from reco_core.photo_sources.factory import open_source
from reco_core.photo_sources.walk import walk
from reco_core.types import LeftOut


def encoded(kind: str, shade: int = 90) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (32, 32), (shade, 40, 200)).save(out, kind)
    return out.getvalue()


WITHOUT = {kind: encoded(kind) for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")}  # a suffix
NAMES = ("a.jfif", "b.JPE", "c.avif", "d.HEIC", "e.JPG", "f.Jpeg", "g.PNG", "h.TIF", "deep/i.webp", "k.BMP")
PHOTOS = {name: name.encode() for name in NAMES} | {f"j{kind}": data for kind, data in WITHOUT.items()}
SYSTEM = ("@eaDir", "#recycle", ".thumbnails", "__MACOSX", "$RECYCLE.BIN", ".Trash-1000", "@Recycle", "#snapshot")
OTHERS = {"README": b"text", "empty": b"", "notes.md": b"-", "video.mp4": b"-", "page.jpg.html": b"-"}


def unpacked(folder: Path, members: dict[str, bytes]) -> Path:
    for name, data in members.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


@pytest.mark.parametrize("kind", ["folder", "a.zip", "a.tar", "a.tar.xz"])
def test_one_rule_everywhere(kind, tmp_path):
    members = {**PHOTOS, **OTHERS, **{f"deep/{place}/thumb.jpg": b"-" for place in SYSTEM}}
    what = unpacked(tmp_path / kind, members) if kind == "folder" else pack(tmp_path / kind, members)
    source = open_source(what)
    assert contents(source) == PHOTOS
    skipped = {entry.file: entry.reason for entry in source.skipped}
    hidden = {f"deep/{place}" if kind == "folder" else f"deep/{place}/thumb.jpg" for place in SYSTEM}
    assert skipped.keys() == {*OTHERS, *hidden}
    assert {skipped[name] for name in OTHERS} == {"no photo by its name"}
    assert {skipped[name] for name in hidden} == {"hidden or of the system"}


def test_uploads_keep_the_same_rule(tmp_path):
    good = {name: encoded("PNG", shade) for name, shade in (("a.jfif", 1), ("b.JPE", 9), ("no suffix", 5))}
    hidden = {f"{place}/thumb.jpg": encoded("JPEG") for place in SYSTEM}
    found = list(Uploads([str(pack(tmp_path / "a.zip", {**good, **hidden, "README": b"text"}))]))
    assert [one.label for one in found if not isinstance(one, LeftOut)] == list(good)
    assert [one for one in found if isinstance(one, LeftOut)] == [LeftOut("README", "no photo")]


def test_linked_folders_are_read_once_and_links_may_lead_round(tmp_path):
    root = unpacked(tmp_path / "root", {"a/1.jpg": b"1", "b/c/2.jpg": b"2"})
    unpacked(tmp_path / "elsewhere", {"3.jpg": b"3", "in/4.jpg": b"4"})
    (root / "0-first").symlink_to(root / "b")  # by name before the folder itself, whose name is kept
    (root / "a/up").symlink_to(root)
    (root / "b/c/self").symlink_to(".")
    (root / "far").symlink_to(tmp_path / "elsewhere")
    (root / "far-again").symlink_to(tmp_path / "elsewhere/in")
    (tmp_path / "elsewhere/back").symlink_to(root)
    (root / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (root / "linked.jpg").symlink_to(tmp_path / "elsewhere/3.jpg")
    found = walk(root)
    names = [path.relative_to(root).as_posix() for path in found.photos]
    assert names == ["a/1.jpg", "b/c/2.jpg", "far/3.jpg", "far/in/4.jpg", "linked.jpg"]
    reasons = {entry.file: entry.reason for entry in found.skipped}
    again = dict.fromkeys(("0-first", "a/up", "b/c/self", "far-again", "far/back"), "a folder that was read already")
    assert reasons == {**again, "gone.jpg": "a link to nothing"}


def test_a_folder_that_cannot_be_read_stops_nothing(tmp_path, monkeypatch):
    root = unpacked(tmp_path, {"a/1.jpg": b"1", "closed/2.jpg": b"2"})
    real = Path.iterdir

    def fail(path: Path):
        if path.name == "closed":
            raise PermissionError(13, "not yours")
        return real(path)

    monkeypatch.setattr(Path, "iterdir", fail)
    assert walk(root) == ([root / "a/1.jpg"], [LeftOut("closed", "a folder that cannot be read")])


def test_an_archive_accounts_for_every_file(real_photos, reco, tmp_path):
    for place, name in (("first", "cat"), ("second", "coffee")):
        unpacked(tmp_path / place, {"notes.md": b"-", "@eaDir/x.jpg": b"-", "broken.jpg": b"-"})
        Image.fromarray(real_photos[name]).save(tmp_path / place / f"{name}.JFIF", "jpeg")
    write_archive(tmp_path / "archive", open_source(tmp_path / "first"), reco.encoder, Options("none"))
    add_photos(tmp_path / "archive", open_source(tmp_path / "second"), reco.encoder)
    parts = Archive(tmp_path / "archive").parts
    counts = {"unreadable": 1, "hidden or of the system": 1, "no photo by its name": 1}
    assert [part.entry.left_out for part in parts] == [counts, counts]
    table = (tmp_path / "archive" / parts[0].entry.files["left_out"]).read_text()
    assert "notes.md\tno photo by its name" in table and "@eaDir\thidden" in table


def labelled(folder: Path, names: list[str]) -> Path:
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    (folder / "meta.json").write_text(json.dumps({"classes": ["cat"]}))
    for name in names:
        (folder / "images" / name).write_bytes(WITHOUT["JPEG"])
        Image.fromarray(np.zeros((32, 32), np.uint8)).save(folder / "labels" / f"{Path(name).stem}.png")
    return folder


def test_bench_finds_every_kind_of_photo(tmp_path):
    names = ["a.png", "b.jpeg", "c.JPG", "d.jfif", "e", "f.webp", "g.jpg"]
    folder = labelled(tmp_path / "set", [*names, ".hidden.jpg", "notes.md"])
    (folder / "images/notes.md").write_text("text")
    items = open_folder(folder).items
    assert [(item.photo.name, item.truth.name) for item in items] == [(n, f"{Path(n).stem}.png") for n in names]
    assert all(os.path.isfile(item.truth) for item in items)
    with pytest.raises(DatasetError, match=r"two photos have one label map.*a\."):
        open_folder(labelled(tmp_path / "twice", ["a.png", "a.JPG"]))
    with pytest.raises(DatasetError, match="0 photos"):
        open_folder(labelled(tmp_path / "none", []))
