"""Tables as spreadsheets, Windows and file managers write them."""

from pathlib import Path

import pytest
from support.packed import contents

from reco_core.errors import ArchiveError, PhotoError
from reco_core.photo_sources.factory import open_source

ROWS = "file;title\nsub/größe.jpg;Größe, “weiß”\n"


def photo(folder: Path, name: str = "sub/größe.jpg", data: bytes = b"pixels") -> Path:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)
    return folder / name


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_of_spreadsheets(encoding, end, tmp_path):
    photo(tmp_path)
    (tmp_path / "t.csv").write_bytes(ROWS.replace("\n", end).encode(encoding))
    source = open_source(tmp_path / "t.csv")
    assert contents(source) == {"sub/größe.jpg": b"pixels"}
    assert source.records[0].title == "Größe, “weiß”"


def test_a_utf_16_mark_of_the_other_order(tmp_path):
    photo(tmp_path)
    (tmp_path / "t.csv").write_bytes(("\ufeff" + ROWS).encode("utf-16-be"))
    assert open_source(tmp_path / "t.csv").records[0].title == "Größe, “weiß”"


def test_a_guessed_encoding_is_told(tmp_path, caplog):
    photo(tmp_path)
    (tmp_path / "t.csv").write_bytes(ROWS.encode("cp1252"))
    open_source(tmp_path / "t.csv")
    assert "read as Windows-1252" in caplog.text
    caplog.clear()
    (tmp_path / "t.csv").write_bytes(ROWS.encode())
    open_source(tmp_path / "t.csv")
    assert not caplog.text


@pytest.mark.parametrize("first", ["sep=;", "SEP=;", '"sep=;"', "\ufeffsep=;"])
def test_a_first_line_that_states_the_separator(first, tmp_path):
    photo(tmp_path)
    for name in ("t.csv", "t.tsv"):
        (tmp_path / name).write_text(f"{first}\r\nfile;title,with,many,commas;title\r\nsub/größe.jpg;x;one\r\n")
        assert [(r.file, r.title) for r in open_source(tmp_path / name).records] == [("sub/größe.jpg", "one")]
    (tmp_path / "t.csv").write_text("sep=|\nfile|title\nsub/größe.jpg|a;b,c\n")
    assert open_source(tmp_path / "t.csv").records[0].title == "a;b,c"


@pytest.mark.parametrize("cell", ["sub\\größe.jpg", ".\\sub\\größe.jpg", "  sub/größe.jpg\u00a0", '  "sub/größe.jpg" '])
@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "manifest.csv"])
def test_backslashes_and_blanks(cell, name, tmp_path):
    photo(tmp_path)
    between = "\t" if name.endswith(".tsv") else ";"
    (tmp_path / name).write_text(f" File {between} Licence \n{cell}{between}  CC0  \n")
    source = open_source(tmp_path if name == "manifest.csv" else tmp_path / name)
    assert list(contents(source).values()) == [b"pixels"]
    assert source.records[0].licence == "CC0"
    assert source.records[0].file.removeprefix("./") == "sub/größe.jpg"


@pytest.mark.parametrize("column", ["file", "url", "path"])
@pytest.mark.parametrize("host", ["//", "//localhost", ""])
def test_addresses_of_files(column, host, tmp_path):
    file = photo(tmp_path, "a b#1?é.jpg")
    address = f"file:{host}{str(file).replace(' ', '%20').replace('#', '%23').replace('?', '%3F')}"
    (tmp_path / "t.csv").write_text(f"{column}\n{address}\n")
    source = open_source(tmp_path / "t.csv")
    assert contents(source) == {"a b#1?é.jpg": b"pixels"}
    assert source.records[0].source_url == ""
    (tmp_path / "manifest.csv").write_text(f"{column}\n{address}\n")
    assert contents(open_source(tmp_path)) == {"a b#1?é.jpg": b"pixels"}


def test_an_address_cannot_lead_out_of_a_folder(tmp_path):
    photo(tmp_path, "in/a.jpg")
    secret = photo(tmp_path, "secret.jpg")
    (tmp_path / "in/manifest.csv").write_text(f"file\nfile://{secret}\n")
    with pytest.raises(ArchiveError, match=r"leaves the folder.*secret"):
        open_source(tmp_path / "in")


def test_a_windows_path_that_is_not_here_says_so(tmp_path):
    photo(tmp_path, "a.jpg")
    (tmp_path / "t.csv").write_text("file\nfile:///C:/my%20photos/b.jpg\na.jpg\n")
    source = open_source(tmp_path / "t.csv")
    with pytest.raises(PhotoError, match=r"does not exist.*C:/my photos/b.jpg.*Windows computer"):
        source.read(0)
    assert source.read(1) == b"pixels"
