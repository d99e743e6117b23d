"""Photos of every kind of source: folders, names, keys, and clear errors for what is none."""

import io
import os
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from support.packed import contents, pack, table

from reco_core.errors import ArchiveError, DependencyError, PhotoError
from reco_core.photo_sources.factory import list_photos, open_source
from reco_core.utils.images import read_photo


@pytest.fixture(scope="session")
def photos(photo_folder) -> dict[str, bytes]:
    """Six real photos by name."""
    return {file.name: file.read_bytes() for file in sorted(photo_folder.glob("*_[01].jpg"))[:6]}


def scatter(folder: Path, photos: dict[str, bytes]) -> dict[str, bytes]:
    """Photos in nested folders, and what is none beside them."""
    files = {f"{'deep/er/' * (i % 2)}ž猫 {name}": data for i, (name, data) in enumerate(photos.items())}
    for name, data in {**files, "notes.md": b"-", ".hidden/a.jpg": b"-", "deep/._b.jpg": b"-"}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    (folder / "folder.jpg").mkdir()
    return files


def test_a_nested_folder(photos, tmp_path):
    files = scatter(tmp_path, photos)
    source = open_source(str(tmp_path))
    assert contents(source) == files
    assert [r.file for r in source.records] == sorted(files, key=Path)
    assert {(r.licence, r.licence_scope, r.sha256) for r in source.records} == {("unknown", "photo", "")}
    assert [replace(r, title="") for r in source.records] == list_photos(tmp_path)
    assert read_photo(source.read(0)).ndim == 3


def test_a_folders_table_selects_and_credits(photos, tmp_path):
    files = scatter(tmp_path, photos)
    chosen = sorted(files)[:3]
    lines = [
        "file\twidth\tsource_sha256\tlicence\topen_licence\tauthor",
        f'{chosen[2]}\t9\tab\tCC0\tyes\tel\\303\\244in "A"',
        f"{chosen[0]}\tn/a\t\tMIT\tno\t",
        f"{chosen[1]}\t\t\t\t\t",
    ]
    (tmp_path / "manifest.tsv").write_bytes(b"\xef\xbb\xbf" + "\n".join(lines).encode())
    source = open_source(tmp_path)
    assert list(contents(source)) == [chosen[2], chosen[0], chosen[1]]
    first, second, _ = source.records
    assert (first.width, first.sha256, first.licence, first.author) == (9, "ab", "CC0", 'eläin "A"')
    assert second.width == 0
    assert [r.open_licence for r in source.records] == ["yes", "no", "no"]
    assert [r.file for r in open_source(tmp_path, open_only=True).records] == [chosen[2]]


def test_a_folders_table_cannot_lead_out(photos, tmp_path):
    for name in ("../secret.jpg", str(tmp_path / "secret.jpg"), "a/../../secret.jpg"):
        (tmp_path / "manifest.tsv").write_text(f"file\tlicence\n{name}\tMIT\n")
        with pytest.raises(ArchiveError, match=r"leaves the folder.*secret"):
            open_source(tmp_path)


def test_a_photo_that_went_is_a_photo_error(photos, tmp_path):
    scatter(tmp_path, photos)
    source = open_source(tmp_path)
    (tmp_path / source.records[2].file).unlink()
    with pytest.raises(PhotoError, match="does not exist"):
        source.read(2)
    assert source.read(3)


def test_photos_beside_shards_come_first(photos, tmp_path, caplog):
    pack(tmp_path / "a.tar", photos)
    (tmp_path / "b.jpg").write_bytes(next(iter(photos.values())))
    assert [r.file for r in open_source(tmp_path).records] == ["b.jpg"]
    assert "left out" in caplog.text


def test_names_are_made_unique(photos, tmp_path):
    data = list(photos.values())
    with tarfile.open(tmp_path / "a.tar", "w") as out:
        for name, content in zip(["a.jpg", "a~2.jpg", "a.jpg", "./a.jpg", "x/a.jpg", "a\udcff.jpg"], data, strict=True):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            out.addfile(info, io.BytesIO(content))
    expected = ["a.jpg", "a~2.jpg", "a~3.jpg", "a~4.jpg", "x/a.jpg", "a?.jpg"]
    assert contents(open_source(tmp_path / "a.tar")) == dict(zip(expected, data, strict=True))


def test_optional_libraries(photos, tmp_path, monkeypatch):
    file = table(tmp_path / "t.parquet", [{"file": "a.jpg"}])
    for module in ("datasets", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, module, None)
    for what in ("hf:someone/photos", file):
        with pytest.raises(DependencyError, match=r"pip install -r requirements-data\.txt"):
            open_source(what)


def test_nothing_optional_is_imported_before_it_is_needed():
    code = "import sys, reco_core.photo_sources.factory; sys.exit(bool({'datasets', 'pyarrow'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none", r"do not exist.*none.*a folder, \.zip.*hf:OWNER/NAME.*Check the path"),
        ("empty", "no photos in this folder"),
        ("system", r"no photos in this folder.*\(1 hidden or of the system, 1 no photo by its name\)"),
        ("a.txt", r"unknown kind.*a\.txt.*Expected: a folder"),
        ("a.jpg", r"unknown kind.*give their folder"),
        ("x" * 5000, "cannot be read"),
        ("a.zip", "no photos in this source"),
        ("nul\0", "do not exist"),
    ],
)
def test_what_is_no_source(name, message, photos, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "system/@eaDir").mkdir(parents=True)
    (tmp_path / "system/notes.txt").write_text("x")
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "a.jpg").write_bytes(next(iter(photos.values())))
    pack(tmp_path / "a.zip", {"readme.txt": b"x"})
    with pytest.raises(ArchiveError, match=message):
        open_source(tmp_path / name)


def test_only_open_licences_of_photos_that_state_none(photos, tmp_path):
    scatter(tmp_path, photos)
    with pytest.raises(ArchiveError, match="no photos in this folder with an open licence"):
        open_source(tmp_path, open_only=True)


@pytest.mark.parametrize("kind", ["folder", "a.zip", "a.tar.gz", "t.csv"])
def test_the_key_is_of_everything_the_photos_depend_on(kind, photos, tmp_path):
    def make(members: dict[str, bytes]) -> Path:
        if kind.startswith("a."):
            return pack(tmp_path / kind, members)
        (tmp_path / "folder").mkdir(exist_ok=True)
        for name, data in members.items():
            if not (tmp_path / "folder" / name).is_file() or (tmp_path / "folder" / name).read_bytes() != data:
                (tmp_path / "folder" / name).write_bytes(data)
        return (
            tmp_path / kind if kind == "folder" else table(tmp_path / kind, [{"file": f"folder/{n}"} for n in members])
        )

    what, name = make(photos), next(iter(photos))
    key = open_source(what).key
    assert len(bytes.fromhex(key)) == 32
    assert open_source(what).key == key
    same_size = bytes(len(photos[name]))
    os.utime(what, ns=(0, 0))
    make({**photos, name: same_size})
    touched = open_source(what).key
    assert touched != key
    make({**photos, name: same_size + b"x"})
    longer = open_source(what).key
    make({**photos, "another.jpg": same_size})
    assert len({key, touched, longer, open_source(what).key}) == 4
