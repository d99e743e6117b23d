"""Archives that grow, shrink and come together; readers meanwhile; and what must not be lost."""

import errno
import json
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.recorder import Recorder, cancelled

from reco_core.archives import changes
from reco_core.archives.archive import Archive
from reco_core.archives.changes import add_photos, merge_archives, remove_photos
from reco_core.archives.manifest import check, read_manifest, strays
from reco_core.archives.writer import Options, write_archive
from reco_core.errors import ArchiveError, Cancelled
from reco_core.photo_sources.factory import open_source
from reco_core.pipeline import ReCo


@pytest.fixture(scope="module")
def photos(real_photos, tmp_path_factory) -> dict[str, Path]:
    """Three folders of real photos: two that differ, and one with copies of the first in another size."""
    root = tmp_path_factory.mktemp("sources")
    folders = {name: root / name for name in ("first", "second", "copies")}
    for folder in folders.values():
        folder.mkdir()
    for i, (name, photo) in enumerate(real_photos.items()):
        height, width = photo.shape[:2]
        Image.fromarray(photo).save(folders["first"] / f"{name}.jpg")
        Image.fromarray(photo[: height * 3 // 4, width // 5 :]).save(folders["second"] / f"{name}_part.jpg")
        if i < 3:
            Image.fromarray(photo).resize((width // 2, height // 2)).save(folders["copies"] / f"{name}_small.png")
    return folders


@pytest.fixture(scope="module")
def built(photos, reco, tmp_path_factory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("archives")
    for name in ("first", "second"):
        write_archive(root / name, open_source(photos[name]), reco.encoder)
    return {name: root / name for name in ("first", "second")}


@pytest.fixture
def archive(built, tmp_path) -> Path:
    return shutil.copytree(built["first"], tmp_path / "archive")


def files(folder: Path) -> set[str]:
    return {record.file for record in Archive(folder).records}


def sound(folder: Path) -> None:
    """Everything that the manifest names is right, and nothing else lies there."""
    manifest = read_manifest(folder)
    assert list(check(folder, manifest, every_byte=True)) == []
    assert {file.name for file in folder.iterdir()} == {"manifest.json", *manifest.named}


def test_added_photos_are_found_and_decoded(archive, photos, reco):
    before = Archive(archive)
    features = before.features(np.arange(5))
    part = add_photos(archive, open_source(photos["second"]), reco.encoder)
    sound(archive)
    after = Archive(archive)
    assert (part.photos, len(after)) == (5, 10)
    assert len(after.parts) == 2
    torch.testing.assert_close(after.features(np.arange(5)), features)
    fresh = reco.encoder.encode_archive([np.asarray(Image.open(photos["second"] / after.records[7].file))])
    rows = np.array([7, 0, 7, 9])  # of both parts, not in order, one twice
    assert (after.embeddings(rows)[[0, 2]] @ fresh.embedding[0]).min() > 0.999
    assert (after.features(rows)[2] * fresh.features[0].flatten(0, 1)).sum(-1).min() > 0.97
    found = after.search(after.embeddings([7])[0], 3)
    similarity = after.embeddings() @ after.embeddings([7])[0]
    assert found.rows.tolist() == similarity.argsort(descending=True)[:3].tolist()
    assert found.rows[0] == 7


def test_copies_are_left_out_and_reported(archive, photos, reco):
    shutil.copytree(photos["copies"], archive.parent / "more")
    shutil.copy(photos["second"] / "rocket_part.jpg", archive.parent / "more")
    part = add_photos(archive, open_source(archive.parent / "more"), reco.encoder)
    assert part.left_out == {"near-duplicate": 3}
    assert files(archive) == {*files_of(photos["first"]), "rocket_part.jpg"}
    table = (archive / part.files["left_out"]).read_text()
    assert table.splitlines()[0] == "file\treason"
    assert {line.split("\t")[0] for line in table.splitlines()[1:]} == files_of(photos["copies"])
    with pytest.raises(ArchiveError, match=r"no photo is new.*4 left out"):
        add_photos(archive, open_source(archive.parent / "more"), reco.encoder)
    assert add_photos(archive, open_source(photos["copies"]), reco.encoder, duplicates=True).photos == 3
    sound(archive)


def files_of(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def test_another_photo_of_the_same_name_gets_its_own(archive, photos, reco, tmp_path):
    (tmp_path / "new").mkdir()
    shutil.copy(photos["second"] / "cat_part.jpg", tmp_path / "new" / "cat.jpg")
    add_photos(archive, open_source(tmp_path / "new"), reco.encoder)
    (added,) = [record.file for record in list(Archive(archive).records)[5:]]
    assert added.startswith("cat~")
    assert added.endswith(".jpg")
    assert len(files(archive)) == 6


def test_removed_photos_leave_nothing_behind(archive, photos, reco):
    add_photos(archive, open_source(photos["second"]), reco.encoder)
    before = Archive(archive)
    stays = [row for row, record in enumerate(before.records) if not record.file.startswith("cat")]
    gone = remove_photos(archive, lambda record: record.file.startswith("cat"))
    assert {record.file for record in gone} == {"cat.jpg", "cat_part.jpg"}
    sound(archive)
    after = Archive(archive)
    torch.testing.assert_close(after.embeddings(), before.embeddings(stays))
    torch.testing.assert_close(after.features(np.arange(8)), before.features(np.array(stays)))
    torch.testing.assert_close(after.language(np.arange(8)), before.language(np.array(stays)))
    assert [r.file for r in after.records] == [before.records[row].file for row in stays]
    (row,) = [row for row, record in enumerate(before.records) if record.file == "cat.jpg"]
    traces = [
        before.parts[0].codes["features"][row].tobytes()[:64],
        before.embeddings([row]).numpy().astype("f2").tobytes(),
    ]
    assert all(trace not in file.read_bytes() for file in archive.iterdir() for trace in traces)


def test_files_of_any_name_are_swept(archive):
    """The bundled archive's files are not called after what they hold; a takedown must not leave them there."""
    manifest = json.loads((archive / "manifest.json").read_text())
    name = manifest["parts"][0]["files"]["embeddings"]
    (archive / name).rename(archive / "index.faiss")
    manifest["parts"][0]["files"]["embeddings"] = "index.faiss"
    manifest["files"]["index.faiss"] = manifest["files"].pop(name)
    (archive / "manifest.json").write_text(json.dumps(manifest))
    (archive / "notes.txt").write_text("mine")
    remove_photos(archive, lambda record: record.file == "cat.jpg")
    assert not (archive / "index.faiss").exists()
    assert strays(archive, read_manifest(archive)) == {"notes.txt"}


def test_what_a_killed_change_left_is_swept_by_the_next_one(archive, photos, reco):
    """Another change, too: files named by their contents that no manifest names."""
    left = archive / "features-0123456789abcdef.npy"
    for change in (
        lambda: remove_photos(archive, lambda record: record.file == "cat.jpg"),
        lambda: add_photos(archive, open_source(photos["second"]), reco.encoder),
        lambda: ReCo(reco.encoder, Archive(archive)).store(("sky",)),
    ):
        left.write_bytes(b"half an array")
        change()
        sound(archive)


def test_a_part_whose_photos_all_go_goes(archive, photos, reco):
    add_photos(archive, open_source(photos["second"]), reco.encoder)
    remove_photos(archive, lambda record: record.file.endswith("_part.jpg"))
    assert len(Archive(archive).parts) == 1
    assert files(archive) == files_of(photos["first"])
    sound(archive)


def test_what_cannot_be_removed(archive):
    before = (archive / "manifest.json").read_bytes()
    with pytest.raises(ArchiveError, match="no photo of the archive is meant"):
        remove_photos(archive, lambda record: False)
    with pytest.raises(ArchiveError, match=r"no photo would be left.*Delete the archive's folder"):
        remove_photos(archive, lambda record: True)
    assert (archive / "manifest.json").read_bytes() == before


def test_merged_archives_hold_both_once(built, photos, reco, tmp_path):
    write_archive(tmp_path / "third", open_source(photos["copies"]), reco.encoder)
    merge_archives([built["first"], built["second"]], tmp_path / "both")
    sound(tmp_path / "both")
    assert files(tmp_path / "both") == files_of(photos["first"]) | files_of(photos["second"])
    merge_archives([tmp_path / "third", built["first"]], tmp_path / "all")
    sound(tmp_path / "all")
    assert len(Archive(tmp_path / "all")) == 5  # three of the first are copies
    assert Archive(tmp_path / "all").parts[1].entry.left_out == {"in another archive": 3}
    merge_archives([tmp_path / "third", built["first"]], tmp_path / "twice", duplicates=True)
    assert len(Archive(tmp_path / "twice")) == 8
    for name in ("first", "second"):
        sound(built[name])
        for file in read_manifest(built[name]).parts[0].files.values():  # linked, not copied
            assert (tmp_path / "both" / file).stat().st_ino == (built[name] / file).stat().st_ino
    with pytest.raises(ArchiveError, match="there is an archive already"):
        merge_archives([built["first"]], tmp_path / "all")
    torch.testing.assert_close(
        Archive(tmp_path / "both").features(np.arange(5, 10)), Archive(built["second"]).features(np.arange(5))
    )


def test_archives_on_another_disk_are_copied(built, tmp_path, monkeypatch):
    def elsewhere(self, target):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", elsewhere)
    merge_archives([built["first"], built["second"]], tmp_path / "both")
    sound(tmp_path / "both")
    (name,) = {part.files["features"] for part in read_manifest(built["first"]).parts}
    assert (tmp_path / "both" / name).read_bytes() == (built["first"] / name).read_bytes()


def test_cancelled_changes_change_nothing(archive, built, reco, photos, tmp_path):
    before = {file.name: file.read_bytes() for file in archive.iterdir()}
    for change in (
        lambda: remove_photos(archive, lambda record: record.file.startswith("cat"), control=cancelled()),
        lambda: merge_archives([archive, built["second"]], tmp_path / "both", control=Recorder(1)),
        lambda: add_photos(archive, open_source(photos["second"]), reco.encoder, control=Recorder(1)),
    ):
        with pytest.raises(Cancelled, match=r"was cancelled\. (Nothing|What is embedded is kept)"):
            change()
    assert {file.name: file.read_bytes() for file in archive.iterdir()} == before
    assert not (tmp_path / "both").exists()


def test_archives_of_other_models_are_refused(archive, built, reco, photos, tmp_path):
    manifest = (archive / "manifest.json").read_text()
    (archive / "manifest.json").write_text(manifest.replace(reco.encoder.hash, "0" * 64))
    for change in (
        lambda: add_photos(archive, open_source(photos["second"]), reco.encoder),
        lambda: merge_archives([built["second"], archive], tmp_path / "merged"),
        lambda: Archive.concatenate([Archive(built["second"]), Archive(archive)]),
    ):
        with pytest.raises(ArchiveError, match="made by another model"):
            change()
    assert not (tmp_path / "merged").exists()


def test_many_small_parts_become_one(archive, photos, reco, monkeypatch, tmp_path):
    monkeypatch.setattr(changes, "MOST_PARTS", 3)
    for i, file in enumerate(sorted(photos["second"].iterdir())):
        (tmp_path / str(i)).mkdir()
        shutil.copy(file, tmp_path / str(i))
        add_photos(archive, open_source(tmp_path / str(i)), reco.encoder)
        sound(archive)
    assert len(Archive(archive).parts) <= 3
    assert files(archive) == files_of(photos["first"]) | files_of(photos["second"])


def test_readers_go_on_while_the_archive_changes(archive, photos, reco):
    """What is opened stays as it was; whoever opens sees the archive before or after."""
    opened = Archive(archive)
    text = reco.encoder.embed_names(("cat",))[0]
    features, found = opened.features(np.arange(5)), opened.search(text, 5).rows.tolist()
    stop, sizes, problems = threading.Event(), set(), []

    def read() -> None:
        while not stop.is_set():
            try:
                fresh = Archive(archive)
                sizes.add(len(fresh))
                assert len(fresh.search(text, 100).rows) == len(fresh)
                torch.testing.assert_close(opened.features(np.arange(5)), features)
                assert opened.search(text, 5).rows.tolist() == found
            except Exception as error:
                problems.append(error)
                return

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for _ in range(4):
        add_photos(archive, open_source(photos["second"]), reco.encoder)
        remove_photos(archive, lambda record: record.file.endswith("_part.jpg"))
    write_archive(archive, open_source(photos["second"]), reco.encoder)
    stop.set()
    for reader in readers:
        reader.join()
    assert problems == []
    assert sizes <= {5, 10}
    sound(archive)


def test_whoever_opens_while_it_changes_tries_again(archive, photos, reco, monkeypatch):
    """Even if the manifest is the same again when the reader looks."""
    add_photos(archive, open_source(photos["second"]), reco.encoder)
    real, turns = Archive._open, []

    def slow(self) -> None:
        if len(turns) < 5:
            turns.append(1)
            remove_once(archive)
            with pytest.raises(ArchiveError):
                real(self)  # its files are gone
            with monkeypatch.context() as patched:
                patched.setattr(Archive, "_open", real)
                add_photos(archive, open_source(photos["second"]), reco.encoder)
            raise ArchiveError("a file is missing")
        real(self)

    def remove_once(folder: Path) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(Archive, "_open", real)
            remove_photos(folder, lambda record: record.file.endswith("_part.jpg"))

    monkeypatch.setattr(Archive, "_open", slow)
    assert len(Archive(archive)) == 10
    assert len(turns) == 5


def test_references_are_dropped_by_changes(archive, photos, reco):
    ReCo(reco.encoder, Archive(archive)).store(("sky",))
    assert "references" in read_manifest(archive).shared
    add_photos(archive, open_source(photos["second"]), reco.encoder)
    assert set(read_manifest(archive).shared) == {"typical"}
    sound(archive)


def test_without_dense_features_they_are_computed_from_photos(photos, reco, tmp_path):
    write_archive(tmp_path / "none", open_source(photos["first"]), reco.encoder, Options("none"))
    stored = tmp_path / "stored"
    write_archive(stored, open_source(photos["first"]), reco.encoder)
    assert not Archive(tmp_path / "none").parts[0].codes
    with pytest.raises(ArchiveError, match=r"stores no dense features.*--photos FOLDER"):
        ReCo(reco.encoder, Archive(tmp_path / "none")).prepare(["cat"], background=())
    bare = ReCo(reco.encoder, Archive(tmp_path / "none"), photos=photos["first"])
    (concept,) = bare.prepare(["cat"], background=(), context=()).concepts  # of five photos, context jumps
    (known,) = ReCo(reco.encoder, Archive(stored)).prepare(["cat"], background=(), context=()).concepts
    assert [e.record.file for e in concept.exemplars] == [e.record.file for e in known.exemplars]
    assert torch.cosine_similarity(concept.reference, known.reference, dim=0) > 0.99
    add_photos(tmp_path / "none", open_source(photos["second"]), reco.encoder)
    assert not Archive(tmp_path / "none").parts[1].codes


def test_a_joined_archive_is_both(built, reco):
    one, two = Archive(built["first"]), Archive(built["second"])
    both = Archive.concatenate([one, two])
    assert len(both) == 10
    assert [r.file for r in both.records] == [r.file for r in (*one.records, *two.records)]
    torch.testing.assert_close(
        both.embeddings(np.array([8, 1])), torch.stack([two.embeddings([3])[0], one.embeddings([1])[0]])
    )
    torch.testing.assert_close(both.features(np.array([8, 1]))[0], two.features(np.array([3]))[0])
    assert both.records[-1] == two.records[4]
    with pytest.raises(IndexError):
        both.records[10]
