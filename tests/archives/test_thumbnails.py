"""Thumbnails in archives: whose they are, what they show, what changes do with them, and what damage does."""

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from support.hub_archives import NAME, pull, push
from support.recorder import Recorder

from reco_core.archives import changes, cluster, cluster_worker, embedding
from reco_core.archives.archive import Archive
from reco_core.archives.changes import add_photos, merge_archives, remove_photos
from reco_core.archives.manifest import check, read_manifest
from reco_core.archives.thumbnails import BYTES, ROLES, SIDE, decode, encode, nothing, write_thumbnails
from reco_core.archives.writer import Options, write_archive
from reco_core.errors import ArchiveError, Cancelled, OptionError
from reco_core.photo_sources.factory import open_source
from reco_core.utils.hashing import sha256
from reco_core.utils.images import centre_crop, read_photo

# By photo: its licence, and what the table's own column says.
LICENCES = {
    "cat": ("CC BY 2.0", "yes"),
    "coffee": ("CC BY-NC 2.0", "no"),
    "astronaut": ("public domain", "no"),
    "rocket": ("terms of the museum", "yes"),
    "motorcycle": ("unknown", ""),
}
OPEN = {"cat", "rocket"}


@pytest.fixture(scope="module")
def photos(real_photos, tmp_path_factory) -> dict[str, Path]:
    """Two folders of real photos with credits; one whose photos have licences, but no column says whether they are
    open.
    """
    root = tmp_path_factory.mktemp("sources")
    for kind in ("whole", "right", "low"):
        lines = ["file\tlicence\topen_licence\tauthor"]
        (root / kind).mkdir()
        for name, photo in real_photos.items():
            part = {"right": photo[:, photo.shape[1] // 3 :], "low": photo[photo.shape[0] // 3 :]}.get(kind, photo)
            Image.fromarray(part).save(root / kind / f"{name}_{kind}.jpg", quality=95)
            lines.append("\t".join((f"{name}_{kind}.jpg", *LICENCES[name], "Ann")))
        text = "\n".join(lines) + "\n"
        (root / kind / "manifest.tsv").write_text(text.replace("open_licence", "note") if kind == "low" else text)
    return {kind: root / kind for kind in ("whole", "right", "low")}


@pytest.fixture(scope="module")
def built(photos, reco, tmp_path_factory) -> dict[str, Path]:
    """Archives of the first folder, by choice of thumbnails; of the second, with those of open licences."""
    root = tmp_path_factory.mktemp("archives")
    for choice in ("none", "open", "all"):
        write_archive(root / choice, open_source(photos["whole"]), reco.encoder, Options(thumbnails=choice))
    write_archive(root / "right", open_source(photos["right"]), reco.encoder, Options(thumbnails="open"))
    return {name: root / name for name in ("none", "open", "all", "right")}


@pytest.fixture
def archive(built, tmp_path) -> Path:
    return shutil.copytree(built["open"], tmp_path / "archive")


def alike(picture: bytes, photo: np.ndarray) -> bool:
    """Whether a thumbnail shows the centre of a photo, no more and no less."""
    shown = Image.open(io.BytesIO(picture))
    wanted = Image.fromarray(centre_crop(photo)).resize(shown.size, Image.Resampling.LANCZOS)
    difference = np.abs(np.asarray(shown.convert("RGB"), float) - np.asarray(wanted, float)).mean()
    return (shown.format, shown.size) == ("WEBP", (SIDE, SIDE)) and difference < 8


def pictured(folder: Path, photos: dict[str, Path]) -> set[str]:
    """The photos that have a thumbnail, each of which shows its photo; the archive is sound."""
    opened = Archive(folder)
    assert list(check(folder, read_manifest(folder), every_byte=True)) == []
    have = {}
    for row, record in enumerate(opened.records):
        if (picture := opened.thumbnail(row)) is not None:
            kind = Path(record.file).stem.partition("_")[2]
            have[Path(record.file).stem] = alike(picture, read_photo(photos[kind] / record.file))
    assert all(have.values())
    assert len(have) == opened.thumbnails
    return set(have)


def of(kind: str, names: set[str] = OPEN) -> set[str]:
    return {f"{name}_{kind}" for name in names}


def test_only_openly_licensed_photos_get_one(built, photos):
    assert pictured(built["none"], photos) == set()
    assert pictured(built["open"], photos) == of("whole")
    assert pictured(built["all"], photos) == of("whole", set(LICENCES))
    named = {choice: set(read_manifest(built[choice]).parts[0].files) for choice in ("none", "open")}
    assert named["open"] - named["none"] == set(ROLES)
    same = {name for name in read_manifest(built["none"]).named if not name.startswith("thumbnail")}
    assert same < read_manifest(built["open"]).named  # all else is the same


def test_without_a_column_the_licence_tells(photos, reco, tmp_path):
    write_archive(tmp_path / "a", open_source(photos["low"]), reco.encoder, Options(thumbnails="open"))
    assert pictured(tmp_path / "a", photos) == of("low", {"cat", "astronaut"})


def test_a_seed_is_where_the_thumbnail_shows_it(built, real_photos):
    """Of a wide photo the thumbnail is the square in the middle: its mirror image would differ, and its whole."""
    opened = Archive(built["all"])
    (row,) = [row for row, record in enumerate(opened.records) if record.file.startswith("motorcycle")]
    picture = opened.thumbnail(row)
    photo = real_photos["motorcycle"]
    assert photo.shape[1] > photo.shape[0] * 1.2
    assert picture is not None and alike(picture, photo)
    assert not alike(picture, photo[:, ::-1])
    assert not alike(picture, np.asarray(Image.fromarray(photo).resize((400, 400))))


def test_an_unknown_choice_is_told(photos, reco, tmp_path):
    with pytest.raises(OptionError, match=r"unknown choice of thumbnails.*opn.*none, open, all.*\"open\""):
        write_archive(tmp_path / "a", open_source(photos["whole"]), reco.encoder, Options(thumbnails="opn"))
    assert not (tmp_path / "a").exists()


def test_no_photo_of_an_open_licence_no_file(photos, reco, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir()
    shutil.copy(photos["whole"] / "coffee_whole.jpg", closed)  # without a table no licence is known
    write_archive(tmp_path / "a", open_source(closed), reco.encoder, Options(thumbnails="open"))
    assert not list((tmp_path / "a").glob("thumbnail*"))
    assert Archive(tmp_path / "a").thumbnail(0) is None


def test_added_photos_are_treated_like_those_that_are_there(archive, built, photos, reco, tmp_path):
    add_photos(archive, open_source(photos["right"]), reco.encoder)
    assert pictured(archive, photos) == of("whole") | of("right")
    bare = shutil.copytree(built["none"], tmp_path / "bare")
    add_photos(bare, open_source(photos["right"]), reco.encoder)
    assert pictured(bare, photos) == set()
    add_photos(bare, open_source(photos["low"]), reco.encoder, thumbnails="all")
    assert pictured(bare, photos) == of("low", set(LICENCES))


def test_a_removed_photos_thumbnail_goes(archive, photos, reco):
    add_photos(archive, open_source(photos["right"]), reco.encoder)
    opened = Archive(archive)
    trace = next(
        p for row, r in enumerate(opened.records) if r.file == "cat_whole.jpg" and (p := opened.thumbnail(row))
    )
    assert any(trace in file.read_bytes() for file in archive.iterdir())
    remove_photos(archive, lambda record: record.file == "cat_whole.jpg")
    assert pictured(archive, photos) == {"rocket_whole"} | of("right")
    assert all(trace not in file.read_bytes() for file in archive.iterdir())
    remove_photos(archive, lambda record: record.file == "rocket_whole.jpg")
    assert pictured(archive, photos) == of("right")  # the first part has none left, and no file of them
    assert [set(ROLES) <= set(part.files) for part in read_manifest(archive).parts] == [False, True]


def test_merged_and_folded_archives_keep_them(built, photos, reco, tmp_path, monkeypatch):
    merge_archives([built["open"], built["right"]], tmp_path / "both")
    assert pictured(tmp_path / "both", photos) == of("whole") | of("right")
    merge_archives([built["none"], built["right"]], tmp_path / "one")
    assert pictured(tmp_path / "one", photos) == of("right")
    merge_archives([built["none"], built["open"]], tmp_path / "same")  # the first one's photos stay
    assert pictured(tmp_path / "same", photos) == set()
    monkeypatch.setattr(changes, "MOST_PARTS", 2)
    for kind in ("right", "low"):
        for file in sorted(photos[kind].glob("[cr]*.jpg")):
            (tmp_path / file.stem).mkdir()
            shutil.copy(file, tmp_path / file.stem)
            asked = "none" if kind == "right" else "all"
            add_photos(tmp_path / "same", open_source(tmp_path / file.stem), reco.encoder, thumbnails=asked)
    assert len(Archive(tmp_path / "same").parts) == 2
    assert pictured(tmp_path / "same", photos) == of("low", {"cat", "coffee", "rocket"})


def test_joined_archives_show_theirs(built):
    one, bare, two = (Archive(built[name]) for name in ("open", "none", "right"))
    both = Archive.concatenate([one, bare, two])
    expected = [opened.thumbnail(row) for opened in (one, bare, two) for row in range(len(opened))]
    assert [both.thumbnail(row) for row in range(len(both))] == expected


def test_a_build_that_stopped_goes_on_with_them(built, photos, reco, tmp_path, monkeypatch):
    monkeypatch.setattr(embedding, "BATCH", 2)
    source = open_source(photos["whole"])
    for name in ("straight", "stopped"):
        if name == "stopped":
            with pytest.raises(Cancelled):
                control = Recorder(4)
                write_archive(tmp_path / name, source, reco.encoder, Options(thumbnails="open"), control=control)
        write_archive(tmp_path / name, source, reco.encoder, Options(thumbnails="open"))
    for file in (tmp_path / "straight").iterdir():
        assert file.read_bytes() == (tmp_path / "stopped" / file.name).read_bytes()
    assert pictured(tmp_path / "stopped", photos) == of("whole")


def test_workers_of_a_cluster_make_them(built, photos, reco, tmp_path, monkeypatch):
    """Without a cluster: Ray only hands runs of batches to workers."""

    def here(ray, job, runs, workers):
        one = cluster_worker.Worker(job)
        return [{"error": error} for run in runs for error in one({"starts": [run]})["error"]]

    monkeypatch.setattr(cluster, "_ray", lambda: None)
    monkeypatch.setattr(cluster, "_connected", lambda *_: io.BytesIO())
    monkeypatch.setattr(cluster, "_results", here)
    monkeypatch.setattr(cluster_worker, "load_encoder", lambda *_, **__: replace(reco.encoder))
    remote = cluster.on_ray("local", photos["whole"], "mini")
    options = Options(thumbnails="open")
    write_archive(tmp_path / "a", open_source(photos["whole"]), reco.encoder, options, remote=remote)
    assert pictured(tmp_path / "a", photos) == of("whole")


@pytest.mark.usefixtures("alone")
def test_they_are_pushed_and_pulled_and_the_card_says_so(hub, built, photos, tmp_path):
    push(hub, built["open"])
    pull(hub, tmp_path / "theirs")
    assert pictured(tmp_path / "theirs", photos) == of("whole")
    card = hub.repositories[NAME].tree["README.md"][0].decode()
    assert "**It holds thumbnails** of 2 of them" in card
    assert "no pixels" not in card


def test_damage_is_seen(archive):
    """By `check`, which reads every byte; by opening, if the places are wrong; by reading, if a picture is none."""
    files = {role: archive / name for role, name in read_manifest(archive).parts[0].files.items()}
    whole = {role: files[role].read_bytes() for role in ROLES}
    for role in ROLES:
        files[role].write_bytes(whole[role][:-1] + bytes([whole[role][-1] ^ 1]))
        ((name, problem),) = check(archive, read_manifest(archive), every_byte=True)
        assert (name, problem) == (files[role].name, "its SHA-256 differs from the manifest's")
        with pytest.raises(ArchiveError, match=rf"{files[role].name} is damaged"):
            Archive(archive)
        files[role].write_bytes(whole[role])
    opened = Archive(archive)
    (first,) = [row for row in range(5) if opened.records[row].file == "cat_whole.jpg"]
    opened.parts[0].thumbnails._pictures = SimpleNamespace(read_into=lambda start, read: read.fill(0))
    with pytest.raises(ArchiveError, match=r"thumbnails-.* is damaged.*no picture"):
        opened.thumbnail(first)


@pytest.mark.parametrize(("row", "start", "end"), [(3, 0, 9000), (3, 100, 50), (2, 2**64 - 9, 9), (4, 0, 2**63)])
def test_places_that_are_none(archive, row, start, end):
    opened = Archive(archive)
    ends = np.full(5, end, np.uint64)
    ends[:row] = start
    opened.parts[0].thumbnails._ends = ends
    with pytest.raises(ArchiveError, match=r"is damaged.*no place of a picture"):
        opened.thumbnail(row)


@pytest.mark.parametrize("ends", [np.zeros(5, np.uint64), np.zeros(4, np.uint64), np.zeros((5, 1), np.uint64), "f8"])
def test_files_that_do_not_belong_together(archive, ends):
    """As whoever writes an archive with wrong intent may write it: hashes are right, contents are not."""
    text = json.loads((archive / "manifest.json").read_text())
    name = text["parts"][0]["files"]["thumbnail_ends"]
    right = np.load(archive / name)
    np.save(archive / name, right.astype(ends) if isinstance(ends, str) else ends)
    text["files"][name] = {"sha256": sha256(archive / name), "bytes": (archive / name).stat().st_size}
    (archive / "manifest.json").write_text(json.dumps(text))
    with pytest.raises(ArchiveError, match=r"contents is damaged.*not the thumbnails of 5 photos"):
        Archive(archive)


def test_one_file_without_the_other(archive):
    text = json.loads((archive / "manifest.json").read_text())
    del text["parts"][0]["files"]["thumbnail_ends"]
    (archive / "manifest.json").write_text(json.dumps(text))
    with pytest.raises(ArchiveError, match="contents is damaged"):
        Archive(archive)


def test_even_noise_fits_and_small_photos_are_not_enlarged(cat, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    for photo, side in ((noise, SIDE), (cat[:50, :70], 50)):
        row = encode(photo)
        assert row.shape == (BYTES,)
        assert Image.open(io.BytesIO(decode(row))).size == (side, side)
    assert decode(nothing()) == b""
    assert write_thumbnails([b"", b""], tmp_path) == {}
