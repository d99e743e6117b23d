"""Everything temporary goes: by age, at an orderly end, and after a kill at the next start."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from gradio import state_holder
from gradio.state_holder import StateHolder
from support.server import ROOT, answers, free_port, serving
from support.sessions import Clock, states

from reco_app.api.segment import SegmentEndpoint
from reco_app.app import build_app
from reco_app.context import AppContext
from reco_app.discover.handlers import DiscoverHandlers
from reco_app.preset_pool import PresetPool
from reco_app.segment.handlers import SegmentHandlers
from reco_app.session import private_folder
from reco_app.temporary import TemporaryFiles, sweep_stale, temporary_files, used
from reco_app.visitor.user_photos import UserPhotos

HOUR = 3600.0
SERVER = """
    import signal, sys, tempfile, time
    from pathlib import Path
    from reco_app.temporary import temporary_files
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background has been told to ignore it
    with temporary_files(3600) as files:
        (files.cache / "cup.jpg").write_bytes(b"a photo")
        Path(tempfile.mkdtemp()).joinpath("cup.jpg").write_bytes(b"a photo")
        print(files.folder, flush=True)
        time.sleep(60)
"""


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@contextmanager
def server(folder: Path) -> Iterator[tuple[subprocess.Popen, Path]]:
    """A process with a folder of temporary files, and that folder."""
    command = [sys.executable, "-c", textwrap.dedent(SERVER)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={"TMPDIR": str(folder)})
    try:
        assert process.stdout
        yield process, Path(process.stdout.readline().strip())
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def now(monkeypatch) -> Callable[[], float]:
    """A clock that tells what its `passed` says."""

    def tell() -> float:
        return time.time() + tell.passed

    tell.passed = 0.0
    return tell


@pytest.fixture
def files(tmp_path, now, monkeypatch) -> TemporaryFiles:
    made = TemporaryFiles(tmp_path / "server", HOUR, now)
    monkeypatch.setattr(tempfile, "tempdir", str(made.private))
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(made.cache))
    return made


@pytest.fixture
def context(files, reco) -> AppContext:
    return AppContext(PresetPool(lambda name: reco, "mini"), cache=files.cache)


def test_what_nobody_owns_goes_by_age(files, now):
    upload = files.cache / "a1b2" / "cup.jpg"
    upload.parent.mkdir()
    upload.write_bytes(b"a photo")
    now.passed = HOUR - 1
    assert files.sweep() == 0
    now.passed = HOUR + 1
    assert files.sweep() == 1
    assert files_in(files.folder) == []


def test_what_is_used_is_kept_for_as_long_again(files, now, tmp_path):
    upload = files.cache / "a1b2" / "cup.jpg"
    upload.parent.mkdir()
    upload.write_bytes(b"a photo")
    os.utime(upload, (time.time() - HOUR + 5,) * 2)
    os.utime(upload.parent, (time.time() - HOUR + 5,) * 2)
    now.passed = 60
    used(upload)
    assert files.sweep() == 0
    now.passed = HOUR + 1
    assert files.sweep() == 1
    used(upload)  # of what is gone nothing comes


def test_an_upload_that_broke_off_goes_soon(files, now):
    (files.cache / "tmpabc").write_bytes(b"half a pho")
    now.passed = 30
    assert files.sweep() == 0
    now.passed = 61
    assert files.sweep() == 1


def test_the_servers_own_and_what_sessions_own_stay(files, now):
    class Owner:
        pass

    owner = Owner()
    (files.cache / "example.jpg").write_bytes(b"ours")
    files.settle()
    folder = private_folder(owner, files.cache)
    (folder / "view.json").write_text("{}")
    now.passed = 5 * HOUR
    assert files.sweep() == 0
    del owner
    assert files_in(files.folder) == [files.cache / "example.jpg"]


def test_after_an_hour_nothing_is_left_of_any_visitor(context, files, now, monkeypatch, chelsea):
    """The page's results, the API's, photos that teach."""
    monkeypatch.setattr(Clock, "passed", 0.0)
    monkeypatch.setattr(state_holder, "datetime", SimpleNamespace(datetime=Clock))
    blocks, holder = build_app(context), StateHolder()
    blocks.state_session_capacity = 5
    holder.set_blocks(blocks)
    files.settle()
    upload = files.cache / "a1b2" / "chelsea.png"
    upload.parent.mkdir()
    shutil.copy(chelsea, upload)
    segment, number = SegmentHandlers(context), states(blocks)
    discover = DiscoverHandlers(context)
    holder["someone"][number["discovery"]] = discover.run(str(upload), 8, "", "", discover.begin())[0]
    SegmentEndpoint(context, segment.answering).segment({"path": str(upload)}, "cat", k=5)
    session = segment.begin()
    asked = {"photo": str(upload), "names": "cat", "method": "reco2", "k": 5, "background": "", "context": ""}
    segment.run(session, None, preset="", **asked)
    mine = UserPhotos()
    (mine.folder / "cup.jpg").write_bytes(b"a photo")
    holder["someone"][number["result"]] = session
    holder["someone"][number["user photos"]] = mine
    del session, mine
    assert len(files_in(files.folder)) >= 8
    assert files.sweep() == 0
    Clock.passed += HOUR + 1
    now.passed += HOUR + 1
    holder.delete_all_expired_state()
    files.sweep()
    left = [file for file in files_in(files.folder) if "examples" not in file.parts]
    assert left == []


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_an_orderly_end_leaves_nothing(tmp_path, how):
    with server(tmp_path) as (process, folder):
        assert len(files_in(folder)) == 3  # with the lock
        process.send_signal(how)
        process.wait(10)
        assert files_in(tmp_path) == []


def test_after_a_kill_the_next_start_sweeps(tmp_path):
    with server(tmp_path) as (process, folder):
        assert sweep_stale(tmp_path) == 0  # it lives
        process.kill()
        process.wait()
        assert len(files_in(folder)) == 3
        with server(tmp_path) as (_, other):
            assert not folder.exists() and other.exists()


def test_another_users_folder_and_other_things_are_left_alone(tmp_path):
    (tmp_path / "reco-app-x").write_text("no folder")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "reco-app-link").symlink_to(tmp_path / "elsewhere")
    assert sweep_stale(tmp_path) == 0
    with temporary_files(HOUR) as one, temporary_files(HOUR) as two:
        assert one.folder != two.folder and two.folder.is_relative_to(one.cache)
    assert not one.folder.exists()


def asked(url: str, photo: Path, folder: Path) -> Path:
    """Have the API mark a photo; where in the server's folder its upload lies."""
    sent = httpx.post(f"{url}gradio_api/upload", files={"files": ("secret.png", photo.read_bytes())})
    given = {"photo": {"path": sent.json()[0]}, "names": "wombat", "k": 5}
    assert httpx.post(f"{url}api/v1/segment", json=given, timeout=120).json()["concepts"]
    (upload,) = folder.rglob("secret.png")
    return upload


@pytest.mark.slow
def test_the_app_itself_leaves_nothing_and_logs_nothing(tmp_path, chelsea):
    with serving([sys.executable, "app.py"], tmp_path) as url:
        assert asked(url, chelsea, tmp_path).exists()
        assert len(files_in(tmp_path)) > 5
    assert files_in(tmp_path) == [tmp_path / "log.txt"]
    log = (tmp_path / "log.txt").read_text()
    assert not [word for word in ("wombat", "secret.png", "gradio_api", "127.0.0.1:") if word in log.split("open ")[0]]
    assert "wombat" not in log and "secret" not in log and "POST" not in log


@pytest.mark.slow
def test_the_app_killed_and_started_again(tmp_path, chelsea):
    port = str(free_port())
    command = [sys.executable, "app.py", "--port", port]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "TMPDIR": str(tmp_path)})
    try:
        while not answers(url := f"http://127.0.0.1:{port}/"):
            assert process.poll() is None
            time.sleep(0.2)
        upload = asked(url, chelsea, tmp_path)
    finally:
        process.kill()
        process.wait()
    assert upload.exists()
    with serving([sys.executable, "app.py"], tmp_path):
        assert not upload.exists()
    assert files_in(tmp_path) == [tmp_path / "log.txt"]
