"""One name in several spellings: bytes that are no UTF-8, UTF-8 that no one announced, NFC and NFD."""

import io
import os
import tarfile
import zipfile
from pathlib import Path
from unicodedata import normalize

import pytest
from support.packed import contents, pack

from reco_core.photo_sources.factory import open_source
from reco_core.utils.photo_files import find_file, spelled, writable

NAME = "sub/caf\u00e9 \u732b.jpg"
NFC, NFD = normalize("NFC", NAME), normalize("NFD", NAME)


def manifest(name: str) -> bytes:
    return f"file\tlicence\tauthor\n{name}\tCC0\tAnn\n".encode()


def credited(source) -> list[tuple[str, str, str]]:
    return [(record.file, record.licence, record.author) for record in source.records]


def zip_without_flag(file: Path, members: dict[bytes, bytes]) -> Path:
    """A zip as programs write it that put UTF-8, or anything, into names without saying so."""
    stand_ins = {f"{i:0{len(name)}d}".encode(): name for i, name in enumerate(members)}
    with zipfile.ZipFile(file, "w") as out:
        for stand_in, name in stand_ins.items():
            out.writestr(stand_in.decode(), members[name])
    raw = file.read_bytes()
    for stand_in, name in stand_ins.items():
        raw = raw.replace(stand_in, name)
    file.write_bytes(raw)
    return file


@pytest.mark.parametrize("inside", [NFC, NFD])
@pytest.mark.parametrize("told", [NFC, NFD])
@pytest.mark.parametrize("kind", ["folder", "a.zip", "no-flag.zip", "a.tar", "a.tar.gz"])
def test_a_photo_and_its_row_meet_in_any_spelling(kind, inside, told, tmp_path):
    members = {inside: b"pixels", "manifest.tsv": manifest(told)}
    if kind == "folder":
        for name, data in members.items():
            (tmp_path / kind / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / kind / name).write_bytes(data)
    elif kind == "no-flag.zip":
        zip_without_flag(tmp_path / kind, {name.encode(): data for name, data in members.items()})
    else:
        pack(tmp_path / kind, members)
    source = open_source(tmp_path / kind)
    assert credited(source) == [(NFC, "CC0", "Ann")]
    assert contents(source) == {NFC: b"pixels"}


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_tables_meet_photos_in_any_spelling(suffix, tmp_path):
    (tmp_path / NFD).parent.mkdir()
    (tmp_path / NFD).write_bytes(b"pixels")
    (tmp_path / f"t{suffix}").write_text(f"file\n{NFC}\n")
    assert contents(open_source(tmp_path / f"t{suffix}")) == {NFC: b"pixels"}
    (tmp_path / f"t{suffix}").write_text(f"file\n{tmp_path / NFC}\n")
    assert contents(open_source(tmp_path / f"t{suffix}")) == {NFC: b"pixels"}


def test_both_spellings_in_one_folder_are_two_photos(tmp_path):
    for name in (NFC, NFD):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    found = contents(open_source(tmp_path))
    assert sorted(found.values()) == sorted([NFC.encode(), NFD.encode()])
    assert sorted(found) == sorted([NFC, f"{NFC.removesuffix('.jpg')}~2.jpg"])


def test_bytes_that_are_no_utf_8(tmp_path):
    """Two different names that are written alike are still two photos, with the credits of each."""
    names = [b"caf\xe9.jpg", b"caf\xe8.jpg"]
    for name in names:
        (tmp_path / os.fsdecode(name)).write_bytes(name)
    assert sorted(contents(open_source(tmp_path)).items()) == [("caf?.jpg", names[1]), ("caf?~2.jpg", names[0])]
    text = "file\tlicence\ncaf\xe9.jpg\tCC0\ncaf\xe8.jpg\tMIT\n"
    (tmp_path / "manifest.tsv").write_bytes(text.encode("cp1252"))
    source = open_source(tmp_path)
    assert [(source.read(i), r.licence) for i, r in enumerate(source.records)] == [(names[0], "CC0"), (names[1], "MIT")]
    with tarfile.open(tmp_path / "t.tar", "w") as out:
        for member in (*map(os.fsdecode, names), "manifest.tsv"):
            data = (tmp_path / member).read_bytes()
            info = tarfile.TarInfo(member)
            info.size = len(data)
            out.addfile(info, io.BytesIO(data))
    packed = open_source(tmp_path / "t.tar")
    assert [(packed.read(i), r.licence) for i, r in enumerate(packed.records)] == [(names[0], "CC0"), (names[1], "MIT")]


def test_other_bytes_in_a_zip_are_kept(tmp_path):
    file = zip_without_flag(tmp_path / "a.zip", {b"caf\x82.jpg": b"1", b"caf\xe9.jpg": b"2"})
    found = contents(open_source(file))
    assert found["caf\u00e9.jpg"] == b"1", "DOS has its own table"
    assert sorted(found.values()) == [b"1", b"2"]


def test_spellings():
    assert spelled(NFD) == spelled(NFC) == NFC
    assert writable("a\udce9e\u0301") == "a?\u00e9"
    assert find_file(Path("/nowhere"), NFC) == Path("/nowhere") / NFC
    assert find_file(Path("/nowhere"), "a\0b") == Path("/nowhere/a\0b")
