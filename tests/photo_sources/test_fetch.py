"""Photos brought from a server on loopback: all of them, once, politely, and with their credits."""

import csv
import hashlib
import io
import shutil
from types import SimpleNamespace

import pytest
from support import web as server
from support.recorder import Recorder

from reco_core.errors import ArchiveError, Cancelled, DownloadError, NoSpaceError
from reco_core.photo_sources import fetch
from reco_core.photo_sources.factory import list_photos
from reco_core.photo_sources.fetch import fetch_photos
from reco_core.photo_sources.licences import is_open
from reco_core.types import PhotoRecord
from reco_core.utils.hashing import sha256

pytestmark = pytest.mark.usefixtures("hurry")


@pytest.fixture
def records(web, photo_folder) -> list[PhotoRecord]:
    for file in sorted(photo_folder.glob("*.jpg")):
        web.files[f"/p/{file.name}"] = file.read_bytes()
    return [
        PhotoRecord(
            f"set/{path[3:]}",
            9,
            9,
            web.url(path),
            hashlib.sha256(data).hexdigest(),
            "https://example.org/a",
            "CC BY 4.0" if i % 2 else "research",
            "photo",
            "Ann\tExample",
            "a title",
        )
        for i, (path, data) in enumerate(web.files.items())
    ]


def test_all_come_with_their_credits(web, records, tmp_path):
    control = Recorder()
    got = fetch_photos(records, tmp_path, interval=0, control=control)
    assert (got.fetched, got.present, got.failed) == (20, 0, ())
    assert control.reports == [("photos", i + 1, 20) for i in range(20)]
    assert all(sha256(tmp_path / record.file) == record.sha256 for record in records)
    listed = list_photos(tmp_path)
    assert [r.file for r in listed] == [r.file for r in records]
    assert {(r.sha256, r.source_url, r.licence) for r in listed} == {
        (r.sha256, r.source_url, r.licence) for r in records
    }
    assert {r.author for r in listed} == {"Ann Example"}
    assert len(list_photos(tmp_path, open_only=True)) == 10
    assert not list(tmp_path.rglob("*.part"))


def test_a_second_call_asks_for_nothing_that_is_there(web, records, tmp_path):
    fetch_photos(records, tmp_path, interval=0)
    (tmp_path / records[3].file).write_bytes(b"damaged since")
    (tmp_path / records[5].file).unlink()
    web.asked.clear()
    got = fetch_photos(records, tmp_path, interval=0)
    assert (got.fetched, got.present) == (2, 18)
    assert {path for path, asked in web.asked.items() if asked} == {f"/p/{records[i].file[4:]}" for i in (3, 5)}


def test_what_cannot_be_had_is_reported_and_the_rest_comes(web, records, tmp_path):
    web.faults[f"/p/{records[0].file[4:]}"] = [server.status(404)]
    web.files[f"/p/{records[1].file[4:]}"] = b"another photo"
    web.faults[f"/p/{records[2].file[4:]}"] = [server.cut(1000), server.status(503)]
    got = fetch_photos(records, tmp_path, interval=0)
    assert got.fetched == 18
    assert {record.file: reason for record, reason in got.failed}.keys() == {records[0].file, records[1].file}
    assert any("status 404" in reason for _, reason in got.failed)
    assert any("not the published file" in reason for _, reason in got.failed)
    assert len(list_photos(tmp_path)) == 18


def test_hosts_are_asked_a_few_at_a_time(web, records, tmp_path):
    for record in records:
        web.faults[f"/p/{record.file[4:]}"] = [server.trickle(3, 0.02)]
    fetch_photos(records, tmp_path, connections=2, interval=0.01)
    assert 1 < web.most_running <= 2


def test_a_host_is_asked_at_most_fifty_times_a_second(web, records, tmp_path, monkeypatch):
    """On a clock that stands still, whoever comes later waits longer."""
    waited: list[float] = []
    monkeypatch.setattr(fetch, "time", SimpleNamespace(monotonic=lambda: 0.0, sleep=waited.append))
    fetch_photos(records, tmp_path)
    assert sorted(waited) == pytest.approx([i / 50 for i in range(20)])


def test_without_a_network_it_gives_up_soon(web, tmp_path):
    nowhere = server.dead()
    dead = [
        PhotoRecord(f"{i}.jpg", 1, 1, f"http://{nowhere}/{i}", "0" * 64, "", "MIT", "photo", "", "") for i in range(200)
    ]
    with pytest.raises(DownloadError, match=r"25 photos in a row.*ConnectError"):
        fetch_photos(dead, tmp_path, interval=0)


def test_cancelled_and_continued(web, records, tmp_path):
    with pytest.raises(Cancelled, match="kept"):
        fetch_photos(records, tmp_path, interval=0, control=Recorder(5))
    kept = len(list_photos(tmp_path))
    assert 5 <= kept < 20
    assert fetch_photos(records, tmp_path, interval=0).fetched <= 20 - kept


def test_a_full_disk_stops_it(web, records, tmp_path, monkeypatch):
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=10))
    with pytest.raises(NoSpaceError, match="not enough space"):
        fetch_photos(records, tmp_path, interval=0)


def test_archives_that_cannot_be_trusted(tmp_path):
    record = PhotoRecord("../../escape.jpg", 1, 1, "https://example.org/x", "", "", "MIT", "photo", "", "")
    with pytest.raises(ArchiveError, match="leaves the folder"):
        fetch_photos([record], tmp_path / "in")
    with pytest.raises(ArchiveError, match="does not say where"):
        fetch_photos([], tmp_path)


def test_the_bundled_archive_can_be_fetched(reco):
    """Every photo has a full hash, an address of its own or at least that of its page, and a licence that reads as its
    source's table says.
    """
    for record in reco.archive.records:
        assert record.source_url.startswith("https://") or (not record.source_url and record.landing_url)
        assert len(record.sha256) == 64
        assert is_open(record.licence, record.open_licence) == is_open(record.licence)
    assert sum(is_open(record.licence) for record in reco.archive.records) == 3761
    addresses = [record.source_url for record in reco.archive.records if record.source_url]
    assert len(set(addresses)) == len(addresses)
    assert len(addresses) > 6800


def test_tables_have_no_surprises(records, tmp_path):
    fetch._write_table(records, tmp_path)
    text = (tmp_path / "manifest.tsv").read_text()
    rows = list(csv.reader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE))
    assert {len(row) for row in rows} == {len(fetch.COLUMNS.split())}
