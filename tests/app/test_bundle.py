"""A visitor's photos as one zip: the same when they come back; nothing else is taken."""

import json
import zipfile

import pytest
import skimage.data
import torch
from support import tiny_preset
from support.photos import packed, zipped

from reco_app.visitor.bundle import read_bundle, write_bundle
from reco_app.visitor.user_photos import UserPhotos, shrink, with_user_photos
from reco_core.archives.archive import Archive
from reco_core.archives.writer import write_archive
from reco_core.errors import ArchiveError, OptionError
from reco_core.models.clip import Clip
from reco_core.models.clip_encoder import ClipEncoder, Networks
from reco_core.models.timm_backbone import Backbone
from reco_core.photo_sources.factory import open_source
from reco_core.pipeline import ReCo


def test_another_preset_reads_the_photos_anew(user_photos, reco, photo_folder, tmp_path):
    torch.manual_seed(0)
    preset = tiny_preset.preset(
        dict.fromkeys(("clip.safetensors", "dense.safetensors"), ""),
        dict.fromkeys(("clip.safetensors", "dense.safetensors"), ""),
        str(tmp_path / "a"),
    )
    clip = Clip(tiny_preset.CLIP_NAME, "clearclip", True)
    encoder = ClipEncoder.build(preset, Networks(clip, clip, Backbone(tiny_preset.BACKBONE_NAME)), "cpu", torch.float32)
    write_archive(tmp_path / "a", open_source(photo_folder), encoder)
    other = ReCo(encoder, Archive(tmp_path / "a"))
    for models in (reco, other, reco):
        used = with_user_photos(models, user_photos)
        concept = used.concepts(("zorbl",))["zorbl"]
        assert used.reco.encoder.preset is models.encoder.preset
        assert used.reco.segment(
            skimage.data.coffee(), used.reco.prepare(["zorbl"], taught=[concept])
        ).labels.shape == (400, 600)
    assert {folder.name for folder in (user_photos.folder / "archives").iterdir()} == {"mini", "tiny"}
    write_bundle(user_photos, reco.encoder, tmp_path / "mini.zip")
    with pytest.raises(ArchiveError, match=r"saved with other models.*preset mini.*preset tiny"):
        read_bundle(tmp_path / "mini.zip", encoder)


def test_saved_and_loaded_photos_give_the_same_bytes(user_photos, reco, tmp_path):
    user_photos.add([shrink("blue_cat.png", packed(skimage.data.chelsea()))])
    assert [photo.title for photo in user_photos.photos] == ["cup"] * 5 + ["blue cat"]
    write_bundle(user_photos, reco.encoder, tmp_path / "mine.zip")
    again = UserPhotos()
    assert again.add(read_bundle(tmp_path / "mine.zip", reco.encoder)) == (6, [])
    assert again.photos == user_photos.photos
    first, second = (holder.archive(reco.encoder) for holder in (user_photos, again))
    assert (first / "manifest.json").read_bytes() == (second / "manifest.json").read_bytes()
    count, left_out = again.add(read_bundle(tmp_path / "mine.zip", reco.encoder))  # joins, and there is nothing new
    assert (count, len(left_out)) == (0, 6)
    with zipfile.ZipFile(tmp_path / "mine.zip") as opened:
        opened.extractall(tmp_path / "home")
    archive = Archive(tmp_path / "home")  # as one of one's user_photos, with its photos beside it
    assert all((tmp_path / "home" / "photos" / record.file).is_file() for record in archive.records)
    with pytest.raises(OptionError, match="nothing to save"):
        write_bundle(UserPhotos(), reco.encoder, tmp_path / "none.zip")


def test_a_zip_from_before_there_were_titles(user_photos, reco, tmp_path):
    write_bundle(user_photos, reco.encoder, tmp_path / "new.zip")
    with zipfile.ZipFile(tmp_path / "new.zip") as opened:
        files = {name: opened.read(name) for name in opened.namelist()}
    listed = [{"file": photo.file, "name": photo.name} for photo in user_photos.photos]
    old = zipped(tmp_path / "old.zip", {**files, "photos.json": json.dumps(listed).encode()})
    assert [(small.name, small.title) for small in read_bundle(old, reco.encoder)] == [("Zorbl", "")] * 5


@pytest.mark.parametrize(
    "change",
    [
        lambda files: {**files, "../evil.txt": b"x"},
        lambda files: {**files, "/etc/evil": b"x"},
        lambda files: {**files, "photos/../../evil.jpg": b"x"},
        lambda files: {**files, "photos.json": b"["},
        lambda files: {**files, "photos.json": b"[" * 100_000},
        lambda files: {**files, "photos.json": json.dumps([{"file": "../../x", "name": ""}] * 5).encode()},
        lambda files: {**files, "photos.json": files["photos.json"].replace(b"Zorbl", b"a, b")},
        lambda files: {**files, "photos.json": files["photos.json"].replace(b'"cup"', b"7")},
        lambda files: {**files, "photos.json": files["photos.json"].replace(b'"cup"', b"[5]")},
        lambda files: {**files, "photos.json": b'["cup", "cup", "cup", "cup", "cup"]'},
        lambda files: {**files, "manifest.json": b"{}"},
        lambda files: {name: data for name, data in files.items() if not name.startswith("typical")},
        lambda files: {
            name: data[:-1] + b"!" if name.startswith("features-") else data for name, data in files.items()
        },
        lambda files: {name: data + b"!" if name.startswith("photos/") else data for name, data in files.items()},
        lambda files: {name: data for name, data in files.items() if not name.startswith("photos/")},
        lambda files: {"notes.txt": b"hello"},
    ],
)
def test_what_was_not_saved_here_is_refused(user_photos, reco, tmp_path, change):
    write_bundle(user_photos, reco.encoder, tmp_path / "mine.zip")
    with zipfile.ZipFile(tmp_path / "mine.zip") as opened:
        files = {name: opened.read(name) for name in opened.namelist()}
    with pytest.raises(ArchiveError, match=r"changed.zip is not what was saved here") as refused:
        read_bundle(zipped(tmp_path / "changed.zip", change(files)), reco.encoder)
    assert "/tmp" not in str(refused.value)
    for python in ("object", "argument", "indices", "recursion", "int", "NoneType"):
        assert f" {python} " not in str(refused.value)
    assert not (tmp_path.parent / "evil.txt").exists()


@pytest.mark.parametrize("weights", [5, None, {"a": 1}])
def test_weights_of_any_kind_are_other_models(user_photos, reco, tmp_path, weights):
    write_bundle(user_photos, reco.encoder, tmp_path / "mine.zip")
    with zipfile.ZipFile(tmp_path / "mine.zip") as opened:
        files = {name: opened.read(name) for name in opened.namelist()}
    manifest = json.loads(files["manifest.json"]) | {"weights": weights}
    with pytest.raises(ArchiveError, match=r"saved with other models|not what was saved"):
        read_bundle(
            zipped(tmp_path / "changed.zip", {**files, "manifest.json": json.dumps(manifest).encode()}), reco.encoder
        )
