"""What every request passes: bytes, full disks, and what has no use here. Over HTTP, with a small app behind it."""

import errno
import shutil
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from gradio import route_utils
from support.quick_blocks import QuickApp

from reco_app.door import GONE
from reco_app.limits import Limits
from reco_app.messages import DISK_FULL
from reco_app.temporary import TemporaryFiles


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """Starts the small app with other limits."""
    running = []
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "cache"))

    def start(**limits: float) -> QuickApp:
        running.append(QuickApp(Limits(**limits), tmp_path / "cache", 0.0).__enter__())
        return running[-1]

    yield start
    for app in running:
        app.__exit__()


def upload(app: QuickApp, size: int) -> httpx.Response:
    return httpx.post(f"{app.url}upload", files={"files": ("cup.jpg", b"x" * size)}, timeout=30)


def test_an_address_sends_so_many_bytes(serve):
    app = serve(client_bytes=1_000_000)
    assert upload(app, 600_000).status_code == 200
    refused = upload(app, 600_000)
    assert refused.status_code == 429 and int(refused.headers["retry-after"]) > 3000
    assert refused.text == "This is more than the 1 MB that you may send in an hour. Please try again in 60 minutes."
    assert upload(app, 2_000_000).status_code == 413  # by what it says of itself


def test_files_are_bounded_however_small(serve):
    app = serve(upload_files=20, file_bytes=50_000, client_bytes=1_200_000)
    many = [("files", (f"{i}.jpg", b"x")) for i in range(21)]
    refused = httpx.post(f"{app.url}upload", files=many, timeout=30)
    assert refused.status_code == 413
    assert refused.text == "These are too many files. Expected: at most 20 at once."
    app = serve(upload_files=20, file_bytes=50_000, client_bytes=1_200_000)
    for boundary in ("boundary", "Boundary"):  # the name of the field may be written in any way
        form = {"Content-Type": f"multipart/form-data; {boundary}=q"}
        body = b"".join(b'--q\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\nx\r\n' for _ in many)
        assert httpx.post(f"{app.url}upload", content=body + b"--q--\r\n", headers=form, timeout=30).status_code == 413
    app = serve(upload_files=20, file_bytes=50_000, client_bytes=1_200_000)
    assert httpx.post(f"{app.url}upload", files=many[:20], timeout=30).status_code == 200
    assert httpx.post(f"{app.url}upload", files=many[:20], timeout=30).status_code == 429


def test_what_does_not_say_how_large_it_is_is_counted(serve):
    app = serve(client_bytes=1_000_000)
    head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n'
    parts = iter([head, *[b"x" * 100_000] * 30, b"\r\n--x--\r\n"])
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    try:
        reply = httpx.post(f"{app.url}upload", content=parts, headers=form, timeout=30)
        assert reply.status_code in (413, 429)
    except httpx.WriteError:
        pass  # it was not even read to its end
    assert sum(file.stat().st_size for file in Path(app.cache).rglob("*") if file.is_file()) <= 1_000_000


def test_what_is_no_upload_is_bounded(serve):
    app = serve(body_bytes=10_000)
    reply = httpx.post(f"{app.url}call/work", json={"data": ["x" * 20_000]})
    assert reply.status_code == 413 and reply.json()["detail"].startswith("The request is too large.")
    reply = httpx.post(f"{app.url}run/light", json={"data": ["x" * 1_500_000]})
    assert reply.status_code == 413


def test_calls_of_an_address(serve):
    app = serve(client_calls=0.2)
    codes = [httpx.post(f"{app.url}call/work", json={"data": ["x"]}).status_code for _ in range(5)]
    assert codes[:2] == [200, 200] and codes[-1] == 429


def test_an_answer_is_fetched_once(serve, caplog):
    app = serve()
    event = httpx.post(f"{app.url}call/work", json={"data": ["x"]}).json()["event_id"]
    assert '["x"]' in httpx.get(f"{app.url}call/work/{event}", timeout=30).text
    for gone in (event, "NOSUCH"):
        reply = httpx.get(f"{app.url}call/work/{gone}")
        assert (reply.status_code, reply.json()) == (404, {"error": GONE})
    assert app.queue.pending_event_ids_session == {}
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_gradios_own_workshop_is_closed(serve):
    app = serve()
    for path in ("process_recording", "vibe-edit", "proxy=http://127.0.0.1/"):
        assert httpx.post(f"{app.url}{path}").status_code == 404
        assert httpx.get(f"{app.url}{path}").status_code == 404


def test_a_full_disk_is_said_and_nothing_half_written_stays(serve, monkeypatch):
    app, written = serve(), route_utils.NamedTemporaryFile

    def full(**where: object):
        file = written(**where)

        def write(data: bytes) -> int:
            file.file.write(data[:100])
            file.flush()
            raise OSError(errno.ENOSPC, "No space left on device", file.name)

        return SimpleNamespace(write=write, close=file.close, name=file.name)

    monkeypatch.setattr(route_utils, "NamedTemporaryFile", full)
    refused = upload(app, 500)
    assert (refused.status_code, refused.text) == (507, DISK_FULL)
    monkeypatch.undo()
    TemporaryFiles(app.cache.parent, 3600, clock=lambda: __import__("time").time() + 61).sweep()
    assert not [file for file in app.cache.rglob("*") if file.is_file()]
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(app.cache))
    assert upload(app, 500).status_code == 200  # it recovers


def test_what_would_fill_the_disk_is_not_taken(serve, monkeypatch):
    app, free = serve(free_bytes=1_000_000), 1_000_400
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    assert upload(app, 500_000).status_code == 507
    free = 10**9
    assert upload(app, 500_000).status_code == 200
