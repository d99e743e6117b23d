"""Photos to adapt to, from the archive itself."""

import shutil
from dataclasses import replace

import pytest
from support.recorder import Recorder

from reco_core.adaptation.rare import OTHERS, archive_photos
from reco_core.archives.archive import Archive
from reco_core.archives.writer import write_archive
from reco_core.errors import ArchiveError, OptionError
from reco_core.photo_sources.factory import list_photos
from reco_core.photo_sources.source import Files
from reco_core.pipeline import ReCo


def test_photos_of_names_and_others(rare):
    own, folder = rare
    with archive_photos(own, ("cat", "cup of coffee"), 2, folder, seed=1) as source:
        files = [record.file for record in source.records]
        assert source.read(0) == (folder / files[0]).read_bytes()
    ranked = [
        [own.archive.records[int(row)].file for row in own.archive.search(text, 20).rows]
        for text in own.encoder.embed_names(("cat", "cup of coffee"))
    ]
    nearest = [*ranked[0][:2], *ranked[1][:2]]
    assert files[:4] == nearest and all(f.startswith("cat") for f in files[:2]) and files[2].startswith("coffee")
    assert 4 < len(files) <= 4 + 4 * OTHERS and len(set(files)) == len(files)
    assert not set(files[4:]) & {*ranked[0][:10], *ranked[1][:10]}, "others are far from all names"


def test_others_are_drawn_by_a_seed(rare):
    own, folder = rare

    def files(seed: int) -> list[str]:
        return [record.file for record in archive_photos(own, ("cat",), 2, folder, seed=seed).records]

    drawn = [files(seed) for seed in range(8)]
    assert all(one[:2] == drawn[0][:2] and len(one) == 2 + 2 * OTHERS for one in drawn)
    assert len({tuple(one[2:]) for one in drawn}) > 1 and drawn[3] == files(3)
    assert archive_photos(own, ("cat",), 2, folder, seed=3).key == archive_photos(own, ("cat",), 2, folder, seed=3).key


def test_a_small_archive_has_no_others(rare):
    own, folder = rare
    assert len(archive_photos(own, ("cat",), 500, folder).records) == 20


def test_archive_photos_that_cannot_be_had(rare, tmp_path):
    own, folder = rare
    for count in (0, -1, 501):
        with pytest.raises(OptionError, match=r"so many photos of a name.*1 to 500"):
            archive_photos(own, ("cat",), count, folder)
    with pytest.raises(ArchiveError, match=r"none of the archive's photos is here.*--photos FOLDER"):
        archive_photos(own, ("cat",), 2, tmp_path)
    first = archive_photos(own, ("cat",), 3, folder).records[1].file
    part = shutil.copytree(folder, tmp_path / "part")
    (part / first).unlink()
    left = [record.file for record in archive_photos(own, ("cat",), 3, part).records]
    assert first not in left and len(left) >= 3, "what is missing is left out"


def test_archive_photos_are_fetched_from_where_they_were_published(reco, rare, web, tmp_path, monkeypatch):
    _, folder = rare
    records = [record for record in list_photos(folder) if record.file.startswith(("cat", "rocket"))]
    for record in records:
        web.files[f"/{record.file}"] = (folder / record.file).read_bytes()
    records = [replace(record, source_url=web.url(f"/{record.file}"), licence="CC0 1.0") for record in records]
    write_archive(tmp_path / "a", Files("", [(record, folder / record.file) for record in records]), reco.encoder)
    monkeypatch.setenv("RECO_CACHE", str(tmp_path / "cache"))
    control = Recorder()
    source = archive_photos(ReCo(reco.encoder, Archive(tmp_path / "a")), ("cat",), 1, None, control=control)
    assert len(source.records) == 1 + OTHERS and control.reports[-1] == ("photos", 1 + OTHERS, 1 + OTHERS)
    assert source.read(0) == (folder / source.records[0].file).read_bytes()
    assert (tmp_path / "cache" / "photos" / source.records[0].file).is_file()
