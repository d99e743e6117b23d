"""Archives of photos whose names are no UTF-8, or are spelled in another way than people type them."""

import os
from pathlib import Path
from unicodedata import normalize

import pytest
from PIL import Image

from reco_core.archives.archive import Archive
from reco_core.archives.changes import add_photos
from reco_core.archives.writer import Options, write_archive
from reco_core.cli.main import main
from reco_core.photo_sources.factory import open_source

NFC = normalize("NFC", "caf\u00e9.jpg")
NFD = normalize("NFD", NFC)


@pytest.fixture
def odd(real_photos, tmp_path) -> Path:
    """Two good photos, one damaged and one that is gone, of odd names."""
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(real_photos["cat"]).save(folder / NFD)
    Image.fromarray(real_photos["coffee"]).save(folder / os.fsdecode(b"t\xe4sse.jpg"))
    (folder / os.fsdecode(b"k\xe4putt.jpg")).write_bytes(b"\xff\xd8\xff")
    (folder / os.fsdecode(b"w\xe4g.jpg")).write_bytes(b"-")
    return folder


def test_an_archive_of_odd_names(odd, reco, tmp_path, monkeypatch):
    real = Path.read_bytes

    def fail(path: Path) -> bytes:
        if os.fsencode(path.name) == b"w\xe4g.jpg":
            raise PermissionError(13, "not yours", str(path))
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", fail)
    write_archive(tmp_path / "archive", open_source(odd), reco.encoder, Options("none"))
    archive = Archive(tmp_path / "archive")
    assert [record.file for record in archive.records] == [NFC, "t?sse.jpg"]
    table = (tmp_path / "archive" / archive.parts[0].entry.files["left_out"]).read_text("utf-8").splitlines()
    assert [line.split("\t")[0] for line in table] == ["file", "k?putt.jpg", "w?g.jpg"]
    assert "not yours" in table[2]


@pytest.mark.parametrize("typed", [NFC, NFD])
def test_names_are_meant_in_any_spelling(typed, odd, reco, tmp_path, capsys):
    write_archive(tmp_path / "archive", open_source(odd), reco.encoder, Options("none"))
    archive = Archive(tmp_path / "archive")
    text = reco.encoder.embed_queries(("cat",))[0]
    assert [archive.records[row].file for row in archive.search(text, 5, frozenset([typed])).rows] == ["t?sse.jpg"]
    main(["archive", "remove", str(tmp_path / "archive"), typed])
    main(["archive", "remove", str(tmp_path / "archive"), "--where", f"file={typed}"])
    main(["archive", "remove", str(tmp_path / "archive"), os.fsdecode(b"t\xe4sse.jpg")])
    rows = [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()]
    assert rows == ["file", NFC, "file", NFC, "file", "t?sse.jpg"]


def test_an_added_photo_gets_a_name_of_its_own(odd, reco, real_photos, tmp_path):
    write_archive(tmp_path / "archive", open_source(odd), reco.encoder, Options("none"))
    (tmp_path / "more").mkdir()
    Image.fromarray(real_photos["rocket"]).save(tmp_path / "more" / NFC)
    add_photos(tmp_path / "archive", open_source(tmp_path / "more"), reco.encoder)
    names = [record.file for record in Archive(tmp_path / "archive").records]
    assert len(set(names)) == 3 and names[2].startswith("caf\u00e9~")
