"""Downloads, from a server on loopback that breaks connections, lies and dawdles."""

import hashlib
import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
from support import web as server
from support.recorder import Recorder

from reco_core.errors import Cancelled, DownloadError, NoSpaceError
from reco_core.utils import download

DATA = bytes(range(256)) * 12_000  # 3 MB: several pieces
RIGHT = hashlib.sha256(DATA).hexdigest()


pytestmark = pytest.mark.usefixtures("hurry", "served")


@pytest.fixture
def served(web) -> None:
    web.files["/w.bin"] = DATA


@pytest.fixture
def fetch(web, tmp_path):
    """Fetches /w.bin to w.bin; options as of `download.download`."""

    def call(path: str = "/w.bin", **options) -> str:
        with download.client() as client:
            return download.download(web.url(path), tmp_path / "w.bin", client, **options)

    return call


def test_a_file_comes_whole_with_progress(fetch, tmp_path):
    control = Recorder()
    assert fetch(sha256=RIGHT, control=control) == RIGHT
    assert (tmp_path / "w.bin").read_bytes() == DATA
    assert control.reports[-1] == ("w.bin", len(DATA), len(DATA))
    assert control.reports == sorted(control.reports)
    assert [p.name for p in tmp_path.iterdir()] == ["w.bin"]


def test_broken_connections_are_continued_where_they_broke(fetch, web, tmp_path):
    web.faults["/w.bin"] = [server.cut(1_000_000), server.cut(500_000), server.status(503), server.cut(1)]
    assert fetch(sha256=RIGHT) == RIGHT
    starts = [int(asked[6:-1]) if asked else 0 for asked in web.asked["/w.bin"]]
    assert starts == [0, 1_000_000, 1_500_000, 1_500_000, 1_500_001]


def test_an_interrupted_call_is_continued_by_the_next(fetch, web, tmp_path):
    with pytest.raises(Cancelled, match="kept"):
        fetch(sha256=RIGHT, control=Recorder(1))
    assert not (tmp_path / "w.bin").exists()
    kept = (tmp_path / "w.bin.part").stat().st_size
    assert 0 < kept < len(DATA)
    assert fetch(sha256=RIGHT) == RIGHT
    assert web.asked["/w.bin"][-1] == f"bytes={kept}-"


def test_servers_without_ranges_send_everything_again(fetch, web, tmp_path):
    web.faults["/w.bin"] = [server.cut(1_000_000), server.no_ranges]
    assert fetch(sha256=RIGHT) == RIGHT


def test_a_part_of_an_older_version_is_thrown_away(fetch, web, tmp_path):
    (tmp_path / "w.bin.part").write_bytes(b"x" * 5000)
    assert fetch(sha256=RIGHT) == RIGHT
    assert web.asked["/w.bin"] == ["bytes=5000-", ""]


def test_a_part_that_is_complete_or_too_long(fetch, web, tmp_path):
    (tmp_path / "w.bin.part").write_bytes(DATA)
    assert fetch(sha256=RIGHT) == RIGHT
    (tmp_path / "w.bin.part").write_bytes(DATA + b"more")
    assert fetch(sha256=RIGHT) == RIGHT


def test_the_wrong_file_is_refused_and_deleted(fetch, web, tmp_path):
    web.files["/w.bin"] = DATA[:-1] + b"!"
    with pytest.raises(DownloadError, match=r"not the published file.*Expected: SHA-256 " + RIGHT):
        fetch(sha256=RIGHT)
    assert list(tmp_path.iterdir()) == []


def test_a_published_prefix_is_enough(fetch):
    assert fetch(sha256=RIGHT[:8]) == RIGHT


@pytest.mark.parametrize("code", [403, 404, 410])
def test_what_is_gone_is_not_asked_for_again(fetch, web, code):
    web.faults["/w.bin"] = [server.status(code)]
    with pytest.raises(DownloadError, match=rf"does not have the file.*status {code}"):
        fetch()
    assert len(web.asked["/w.bin"]) == 1


def test_a_server_that_asks_to_wait_is_obeyed(fetch, web, monkeypatch):
    slept: list[float] = []
    monkeypatch.setattr(download.time, "sleep", slept.append)
    clock = iter(range(1000))
    monkeypatch.setattr(download.time, "monotonic", lambda: float(next(clock)))
    web.faults["/w.bin"] = [server.status(429, Retry_After="7")]
    assert fetch() == RIGHT
    assert len(slept) >= 6  # of a clock that gains a second at each look


def test_a_slow_server_is_awaited_and_a_dead_one_is_not(fetch, web, monkeypatch, tmp_path):
    monkeypatch.setattr(download, "PATIENCE", 0.4)
    web.faults["/w.bin"] = [server.trickle(10, 0.1)]  # a second in all, but never silent for long
    assert fetch(sha256=RIGHT) == RIGHT
    (tmp_path / "w.bin").unlink()
    web.faults["/w.bin"] = [server.stall(1.5)] * download.ATTEMPTS
    with pytest.raises(DownloadError, match=r"download failed.*ReadTimeout.*is kept"):
        fetch(sha256=RIGHT)


def test_no_network(tmp_path):
    with download.client() as client, pytest.raises(DownloadError, match=r"ConnectError.*Check the network"):
        download.download(f"http://{server.dead()}/w.bin", tmp_path / "w.bin", client)
    with download.client() as client, pytest.raises(DownloadError, match="address cannot be used"):
        download.download("ftp://127.0.0.1/w.bin", tmp_path / "w.bin", client)


def test_files_that_are_too_large(fetch, web):
    with pytest.raises(DownloadError, match=r"larger than expected.*at most 1000 bytes"):
        fetch(most=1000)


def test_no_space_is_seen_before_the_download(fetch, web, monkeypatch):
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1_000_000))
    with pytest.raises(NoSpaceError, match=r"not enough space.*1 MB free.*Expected: 3 MB"):
        fetch()


@pytest.fixture
def tiny_disk(tmp_path):
    """A disk of 1 MB: a small tmpfs where that is allowed."""
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True, check=False)
    if done.returncode:
        assert os.geteuid() != 0, done.stderr
        yield None
    else:
        yield disk
        subprocess.run(["umount", disk], check=True)


def test_a_disk_that_fills_up_keeps_what_came(web, tiny_disk, tmp_path, monkeypatch):
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)  # somebody else fills it meanwhile
    disk: Path = tiny_disk or tmp_path
    if tiny_disk is None:  # without the right to mount: a file that takes no more
        real = Path.open

        class Full:
            def __init__(self, stream):
                self.stream = stream

            def __enter__(self):
                return self

            def __exit__(self, *_):
                self.stream.close()

            def write(self, data):
                if self.stream.tell() + len(data) > 1_048_576:
                    raise OSError(28, "No space left on device")
                return self.stream.write(data)

        def limited(path, mode="r", **kw):
            stream = real(path, mode, **kw)
            return Full(stream) if "a" in mode or "w" in mode else stream

        monkeypatch.setattr(Path, "open", limited)
    with download.client() as client, pytest.raises(NoSpaceError, match=r"disk is full.*is kept"):
        download.download(web.url("/w.bin"), disk / "w.bin", client, sha256=RIGHT)
    assert not (disk / "w.bin").exists()
    assert (disk / "w.bin.part").stat().st_size > 0


def test_a_folder_that_cannot_be_written(fetch, web, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with download.client() as client, pytest.raises(DownloadError, match="could not be written"):
        download.download(web.url("/w.bin"), tmp_path / "file" / "w.bin", client)


def test_a_client_serves_many_threads(web, tmp_path):
    web.files.update({f"/{i}": bytes([i]) * 50_000 for i in range(8)})
    with download.client() as client:
        threads = [
            threading.Thread(target=download.download, args=(web.url(f"/{i}"), tmp_path / str(i), client))
            for i in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [(tmp_path / str(i)).read_bytes() == bytes([i]) * 50_000 for i in range(8)] == [True] * 8
