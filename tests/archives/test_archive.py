"""Archives: made from real photos, opened again, and refused when something is wrong."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from support.recorder import Recorder

from reco_core.archives import manifest as store
from reco_core.archives.archive import Archive
from reco_core.archives.records import Records, write_records
from reco_core.archives.writer import Options, write_archive
from reco_core.errors import ArchiveError
from reco_core.photo_sources.credits import unescape
from reco_core.photo_sources.factory import list_photos, open_source
from reco_core.pipeline import ReCo
from reco_core.types import PhotoRecord
from reco_core.utils.hashing import sha256
from reco_core.utils.images import read_photo


@pytest.fixture(scope="module")
def photos(photo_folder, tmp_path_factory) -> Path:
    """The twenty real photos, and one unreadable file beside them."""
    folder = shutil.copytree(photo_folder, tmp_path_factory.mktemp("broken") / "photos")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 not a photo")
    return folder


@pytest.fixture(scope="module")
def small(reco, photos, tmp_path_factory):
    folder = tmp_path_factory.mktemp("archives") / "small"
    control = Recorder()
    write_archive(folder, open_source(photos), reco.encoder, control=control)
    assert control.reports[-1] == ("embedding photos", 21, 21)
    return folder


@pytest.fixture
def copy(small, tmp_path):
    return shutil.copytree(small, tmp_path / "copy")


def test_unreadable_photos_are_left_out(small):
    archive = Archive(small)
    assert len(archive) == 20
    assert all(record.width > 100 for record in archive.records)


def test_search_equals_brute_force(small, reco):
    archive = Archive(small)
    text = reco.encoder.embed_names(("motorcycle",))[0]
    found = archive.search(text, 4)
    similarity = archive.embeddings() @ text
    assert found.rows.tolist() == similarity.argsort(descending=True)[:4].tolist()
    np.testing.assert_allclose(found.similarity, similarity.sort(descending=True).values[:4], atol=1e-3)
    assert all("motorcycle" in archive.records[row].file for row in found.rows)


def test_excluded_photos_do_not_come_back(small, reco):
    archive = Archive(small)
    text = reco.encoder.embed_names(("cat",))[0]
    first = archive.records[archive.search(text, 1).rows[0]].file
    after = archive.search(text, 3, frozenset([first]))
    assert len(after.rows) == 3
    assert first not in {archive.records[row].file for row in after.rows}


def test_stored_features_are_those_of_the_photos(small, reco, photos):
    archive = Archive(small)
    rows = np.array([7, 0, 13])  # not in order
    fresh = reco.encoder.encode_archive([read_photo(photos / archive.records[r].file) for r in rows])
    assert (archive.features(rows) * fresh.features.flatten(1, 2)).sum(-1).min() > 0.99
    cosines = (archive.language(rows) * fresh.language.flatten(1, 2)).sum(-1)  # four names a position
    assert cosines.mean() > 0.93
    assert cosines.min() > 0.6
    assert (archive.embeddings(rows) * fresh.embedding).sum(-1).min() > 0.999


def test_bundled_features_keep_the_reference(reco, real_photos):
    """The bundled archive's 10-byte codes: a reference from them is that of exact features."""
    codec = reco.archive.parts[0].codecs["features"]
    exact = reco.encoder.encode_archive(list(real_photos.values())).features.flatten(1, 2)
    coded = codec.decode(codec.encode(exact.numpy()))
    cosine = torch.cosine_similarity(exact, coded, dim=-1)
    assert cosine.mean() > 0.85
    assert torch.cosine_similarity(exact[:, ::10].mean((0, 1)), coded[:, ::10].mean((0, 1)), dim=0) > 0.99


def test_k_larger_than_the_archive_means_all(small, reco):
    own = ReCo(reco.encoder, Archive(small))
    assert len(own.prepare(["cat"], k=1000, background=()).concepts[0].exemplars) == 20


def test_everything_excluded_is_an_error(small, reco):
    own = ReCo(reco.encoder, Archive(small))
    files = frozenset(record.file for record in own.archive.records)
    with pytest.raises(ArchiveError, match="no photo of the archive is left"):
        own.prepare(["cat"], background=(), exclude=files)


def test_same_photos_give_the_same_bytes(small, reco, photos, tmp_path):
    write_archive(tmp_path / "again", open_source(photos), reco.encoder)
    for file in small.iterdir():
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes(), file.name


def test_stored_references_equal_learned_ones(copy, reco):
    own = ReCo(reco.encoder, Archive(copy))
    learned = {m: own.prepare(["cat", "sky"], method=m, background=()).concepts for m in ("reco", "reco2")}
    own.store(("sky", "tree", "cat"))
    again = ReCo(reco.encoder, Archive(copy))
    assert len(again.concepts.stored) == 2 * 3
    for method, concepts in learned.items():
        for a, b in zip(concepts, again.prepare(["cat", "sky"], method=method, background=()).concepts, strict=True):
            torch.testing.assert_close(a.reference, b.reference)
            assert a.exemplars == b.exemplars
            assert a.stats == b.stats
    assert not ReCo(reco.encoder, Archive(copy)).prepare(["cat"], k=3, background=()).concepts[0].exemplars[3:]


def test_references_stored_by_an_earlier_version_are_learned_anew(copy, reco, monkeypatch):
    ReCo(reco.encoder, Archive(copy)).store(("cat",))
    written = json.loads((copy / Archive(copy).manifest.shared["references"]).read_text())
    for table in written:
        del table["stats"]
    monkeypatch.setattr(json, "loads", lambda text, loads=json.loads: written if "exemplars" in text else loads(text))
    assert not ReCo(reco.encoder, Archive(copy)).concepts.stored


ROLES = ("embeddings", "features", "features_codec", "language", "language_codec", "photos")


def file_of(folder: Path, role: str) -> Path:
    return folder / store.read_manifest(folder).parts[0].files[role]


@pytest.mark.parametrize("role", ROLES)
def test_a_flipped_bit_is_found(copy, role):
    file = file_of(copy, role)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(ArchiveError, match=rf"{file.name} is damaged.*Rebuild it with"):
        Archive(copy)
    manifest = store.read_manifest(copy)
    assert [name for name, _ in store.check(copy, manifest, every_byte=True)] == [file.name]


def test_a_rebuild_mends_a_damaged_archive(copy, reco, photos):
    before = {file.name: file.read_bytes() for file in copy.iterdir()}
    file = file_of(copy, "features")
    file.write_bytes(bytes(len(before[file.name])))
    write_archive(copy, open_source(photos), reco.encoder)
    assert {file.name: file.read_bytes() for file in copy.iterdir()} == before


def test_large_files_are_read_by_verify_only(copy, monkeypatch):
    monkeypatch.setattr(store, "CHECKED_ON_OPENING", 0)
    file = file_of(copy, "features")
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    manifest = store.read_manifest(copy)
    assert not list(store.check(copy, manifest))
    assert [name for name, _ in store.check(copy, manifest, every_byte=True)] == [file.name]


@pytest.mark.parametrize("role", ROLES)
def test_a_truncated_file_is_found(copy, role, monkeypatch):
    monkeypatch.setattr(store, "CHECKED_ON_OPENING", 0)
    file = file_of(copy, role)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ArchiveError, match=rf"{file.name} is damaged.*bytes, not"):
        Archive(copy)


def test_missing_file_and_missing_archive(copy, tmp_path):
    file_of(copy, "features").unlink()
    with pytest.raises(ArchiveError, match=r"features-[0-9a-f]{16}.npy is damaged.*missing"):
        Archive(copy)
    with pytest.raises(ArchiveError, match="no archive here: there is no such folder") as mistyped:
        Archive(copy.with_name(f"{copy.name}s"))
    assert f'Did you mean "{copy}"' in str(mistyped.value) and "ebuild" not in str(mistyped.value)
    for place, said in ((tmp_path / "nowhere" / "a", "no such folder"), (copy / "manifest.json", "this is a file")):
        with pytest.raises(ArchiveError, match=said):
            Archive(place)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"format": 3}', '{"format": 3, "files": []}', "not json"])
def test_damaged_manifest(copy, text):
    (copy / "manifest.json").write_text(text)
    with pytest.raises(ArchiveError, match=r"manifest.json is damaged"):
        Archive(copy)


def test_consistent_hashes_do_not_hide_wrong_contents(copy):
    file = file_of(copy, "embeddings")
    file.write_bytes(b"nonsense")
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["files"][file.name] = {"sha256": sha256(file), "bytes": 8}
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ArchiveError, match="damaged"):
        Archive(copy)


@pytest.mark.parametrize(("key", "value"), [("preset", "paper"), ("weights", "0" * 64)])
def test_archive_of_another_model_is_refused(copy, reco, key, value):
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps({**manifest, key: value}))
    with pytest.raises(ArchiveError, match=r"made by another model.*Choose the archive|rebuild"):
        ReCo(reco.encoder, Archive(copy))


def test_other_format_is_refused(copy):
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps({**manifest, "format": 99}))
    with pytest.raises(ArchiveError, match="another format"):
        Archive(copy)


def test_nothing_is_lost_when_building_fails(small, reco, photos, monkeypatch, copy):
    before = {file.name: file.read_bytes() for file in copy.iterdir()}

    def full_disk(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("reco_core.archives.writer.write_records", full_disk)
    with pytest.raises(ArchiveError, match=r"No space left.*nothing was changed"):
        write_archive(copy, open_source(photos), reco.encoder)
    assert {file.name: file.read_bytes() for file in copy.iterdir()} == before
    beside = {p.name for p in copy.parent.iterdir()}
    assert beside == {"copy", ".copy.lock", ".copy-building"}  # what was embedded, to go on from


def test_the_old_archive_stays_when_the_new_one_cannot_take_its_place(copy, reco, photos, monkeypatch):
    before = {file.name: file.read_bytes() for file in copy.iterdir()}

    def fails(file, text):
        raise PermissionError("not now")

    with monkeypatch.context() as patched:
        patched.setattr(store, "atomic_write", fails)
        with pytest.raises(ArchiveError, match=r"not now.*nothing was changed"):
            write_archive(copy, open_source(photos), reco.encoder, Options("compact"))
    assert {name: (copy / name).read_bytes() for name in before} == before
    Archive(copy)
    write_archive(copy, open_source(photos), reco.encoder, Options("compact"))
    assert {file.name for file in copy.iterdir()} == {"manifest.json", *Archive(copy).manifest.named}  # all swept


def test_building_refuses_foreign_folders_and_empty_ones(reco, photos, tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(ArchiveError, match="no archive"):
        write_archive(tmp_path, open_source(photos), reco.encoder)
    with pytest.raises(ArchiveError, match="no photos"):
        list_photos(tmp_path)
    with pytest.raises(ArchiveError, match="does not exist"):
        list_photos(tmp_path / "none")


def test_records_survive_any_text(tmp_path):
    credits = ("https://x/?q=1,2", "ab", "", 'CC "BY"', "photo", "Žofie\n\t猫", "=1+1", "no")
    record = PhotoRecord("a,b.jpg", 3, 4, *credits)
    write_records([record], np.array([7], np.uint64), tmp_path / "r.zip")
    back = Records(tmp_path / "r.zip", 1)
    assert list(back) == [record]
    assert back.hashes().tolist() == [7]


def test_manifest_table_gives_sources_and_filters_licences(tmp_path):
    fields = ["file", "width", "source_url", "source_sha256", "licence", "open_licence", "author", "title"]
    rows = [
        ["a.jpg", "9", "https://a", "aa", "CC0", "yes", "Ann", "cat"],
        ["b.jpg", "9", "", "bb", "research", "no", "", "x"],
    ]
    (tmp_path / "manifest.tsv").write_text("\n".join("\t".join(row) for row in [fields, *rows]) + "\n")
    assert [r.file for r in list_photos(tmp_path)] == ["a.jpg", "b.jpg"]
    (kept,) = list_photos(tmp_path, open_only=True)
    assert (kept.sha256, kept.author, kept.width) == ("aa", "Ann", 9)


def test_octal_escapes_of_authors_are_read():
    assert unescape("el\\303\\244imille") == "eläimille"
    assert unescape("a\\777b \\377") == "a\\777b \\377"
    assert unescape("C:\\new") == "C:\\new"


def test_bundled_archive_credits_every_photo(reco):
    for record in reco.archive.records:
        assert record.licence
        assert record.licence_scope in ("photo", "collection")
        assert (record.source_url or record.landing_url).startswith("https://")
        assert len(record.sha256) == 64
    assert dataclasses.asdict(reco.archive.records[0])["file"]


def test_bundled_archive_stays_small(reco):
    sizes = {file.name: file.stat().st_size for file in reco.archive.folder.iterdir()}
    thumbnails = sum(size for name, size in sizes.items() if name.startswith("thumbnails"))
    assert 0 < thumbnails <= 12_000_000
    assert sum(sizes.values()) - thumbnails <= 32_000_000
