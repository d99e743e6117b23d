"""Plain HTTP: what programs send and get, and what they are told when it is their fault."""

import base64
import io
import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from support.app_events import events
from support.photos import huge_png

from reco_app.messages import UNREAD


def test_json_and_a_form_say_the_same(address, post, encoded, chelsea):
    asked = {"names": "cat, wall", "k": 5, "titles": False, "found_from": 0.6}
    by_json = post("segment", photo=f"data:image/png;base64,{encoded}", **asked)
    assert by_json.status_code == 200, by_json.text
    data = {"names": "cat, wall", "k": "5", "titles": "false", "found_from": "0.6"}
    with chelsea.open("rb") as photo:
        by_form = httpx.post(f"{address}api/v1/segment", files={"photo": photo}, data=data, timeout=120)
    assert {**by_form.json(), "seconds": 0} == {**by_json.json(), "seconds": 0}
    labels = Image.open(io.BytesIO(base64.b64decode(by_json.json()["labels"].partition(",")[2])))
    assert set(np.unique(labels)) <= {0, 1, 2}


def test_an_upload(address, post, chelsea):
    with chelsea.open("rb") as photo:
        (path,) = httpx.post(f"{address}gradio_api/upload", files={"files": photo}, timeout=30).json()
    for given in ({"path": path, "meta": {"_type": "gradio.FileData"}}, f"{address}gradio_api/file={path}"):
        assert len(post("search", photo=given, k=3).json()["photos"]) == 3


def test_words_in_a_file(address):
    def searched(words: bytes) -> httpx.Response:
        files = {"words": ("names.txt", words)}
        return httpx.post(f"{address}api/v1/search", files=files, data={"k": "3"}, timeout=60)

    as_text = httpx.post(f"{address}api/v1/search", json={"words": "red caf\u00e9", "k": 3}, timeout=60).json()
    assert searched("red caf\u00e9".encode()).json() == as_text
    refused = searched(b"\xff\xfe")
    assert (refused.status_code, refused.json()["error"]) == (400, "The file for words is no text. Expected: UTF-8.")


@pytest.mark.parametrize(
    ("name", "given", "status", "why"),
    [
        ("segment", {"names": "cat"}, 400, "Photo is missing"),
        ("segment", {"photo": "", "names": "cat"}, 400, "There is no photo"),
        ("segment", {"photo": "eA=="}, 400, "Names is missing"),
        ("segment", {"photo": "eA==", "names": "cat"}, 400, "The photo is not an image"),
        ("segment", {"photo": "file:///etc/passwd", "names": "cat"}, 400, "The photo is an address"),
        ("segment", {"photo": "/etc/passwd", "names": "cat"}, 400, "The photo is no base64"),
        ("segment", {"photo": {"path": "/etc/passwd"}, "names": "cat"}, 400, "The photo is no upload"),
        ("segment", {"photo": "eA==", "names": "cat", "foo": 1}, 400, "Unknown parameter"),
        ("segment", {"photo": "eA==", "names": "cat", "k": "many"}, 400, "K is not a whole number"),
        ("segment", {"photo": "x" * 42_000_000, "names": "cat"}, 413, "The photo is too large"),
        ("segment", {"photo": "x" * 70_000_000, "names": "cat"}, 413, "The request is too large"),
        ("discover", {"photo": "eA==", "parts": None}, 400, "The photo is not an image"),
        ("search", {}, 400, "Nothing to search for"),
        ("teach", {"name": "cat", "photos": ["eA=="]}, 400, "None of these photos could be used"),
        ("adapt_status", {"job": "x"}, 404, "There is no such job"),
        ("segmnt", {}, 404, "Unknown endpoint"),
        ("_private", {}, 404, "Unknown endpoint"),
    ],
)
def test_faults_of_the_caller(post, name, given, status, why):
    reply = post(name, **given)
    assert (reply.status_code, list(reply.json())) == (status, ["error"])
    assert reply.json()["error"].startswith(why), reply.text


def test_many_names_and_long_ones(post, encoded):
    for names, why in ((", ".join(f"n{i}" for i in range(500)), "Too many"), ("x" * 10_000, "The text is too long")):
        reply = post("segment", photo=encoded, names=names)
        assert (reply.status_code, reply.json()["error"][: len(why)]) == (400, why)


def test_a_huge_photo(post, tmp_path):
    huge = base64.b64encode(huge_png(tmp_path / "huge.png").read_bytes()).decode()
    reply = post("discover", photo=huge)
    assert (reply.status_code, "too large" in reply.json()["error"]) == (400, True)


@pytest.mark.parametrize("body", [b"", b"[1]", b"{", b"\xff", b"[" * 100_000, b'{"photo": NaN}', b'{"k": 1e999}'])
def test_what_is_no_request(address, body):
    for kind in ("application/json", "multipart/form-data", "multipart/form-data; boundary=x", "text/plain"):
        reply = httpx.post(f"{address}api/v1/search", content=body, headers={"Content-Type": kind}, timeout=60)
        assert (reply.status_code, list(reply.json())) == (400, ["error"]), reply.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "v1/segment", 405), ("PUT", "v1/segment/", 405), ("GET", "v1/nothing", 404), ("POST", "v2/segment", 404)],
)
def test_what_is_no_endpoint_is_said_as_every_error(address, method, path, status):
    reply = httpx.request(method, f"{address}api/{path}")
    assert (reply.status_code, list(reply.json())) == (status, ["error"])
    assert "by POST" in reply.json()["error"]
    assert reply.headers.get("allow") == ("POST" if status == 405 else None)


def test_nothing_is_fetched(post, address):
    """An address of this machine, where somebody listens."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/cat.png"
    try:
        for photo in (url, {"path": url}, {"path": url, "meta": {"_type": "gradio.FileData"}}, {"url": url}):
            assert post("segment", photo=photo, names="cat").status_code == 400
            assert events(address, "search", ["", photo, 3, "mini", ""])[0] == "error"
    finally:
        server.shutdown()
    assert asked == []


def test_gradios_own_api_tells_the_same_sentence(address, encoded):
    kind, said = events(address, "search", ["cat", "", 99, "mini", ""])
    assert (kind, said["title"], said["error"][:17]) == ("error", "Bad Request", "K is out of range")
    kind, said = events(address, "search", ["cat", encoded, 2, "mini", ""])
    assert (kind, len(said[0]["photos"])) == ("complete", 2)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ([], "Photo is missing"),
        (["eA=="], "Names is missing"),
        ([{"path": "/reco~files/gone.jpg", "meta": {"_type": "gradio.FileData"}}, "cat"], "The photo is no upload"),
        ([{"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}, "cat"], "The photo is no upload"),
        ([[[[[["eA=="]]]]], "cat"], "The photo is no text"),
    ],
)
def test_gradios_own_api_never_tells_nothing(address, data, why):
    kind, said = events(address, "segment", data)
    assert (kind, said["title"], said["error"][: len(why)]) == ("error", "Bad Request", why)


def test_what_is_done_at_once_never_tells_nothing(address):
    events = httpx.get(f"{address}config", timeout=30).json()["dependencies"]
    in_the_browser = next(event["id"] for event in events if not event["backend_fn"] and not event["queue"])
    wants_more = next(event["id"] for event in events if event["backend_fn"] and not event["queue"] and event["inputs"])
    for event in (in_the_browser, wants_more):
        reply = httpx.post(f"{address}gradio_api/run/cancel", json={"data": [], "fn_index": event}, timeout=30)
        assert (reply.status_code, reply.json()["error"]) == (400, UNREAD)


@pytest.mark.parametrize("path", ["/etc/passwd", "/proc/self/environ", "../../etc/passwd"])
def test_gradios_own_api_reads_no_file_of_the_server(address, path):
    photo = {"path": path, "meta": {"_type": "gradio.FileData"}}
    for name, data in (("search", ["", photo, 3, "mini", ""]), ("teach", ["cat", [photo], "", "mini"])):
        kind, said = events(address, name, data)
        assert kind == "error"
        assert "root" not in json.dumps(said)


def test_who_goes_away_holds_nobody_up(address, post, encoded):
    """A caller that hangs up: the next one is answered."""
    host, port = address.removeprefix("http://").rstrip("/").split(":")
    body = json.dumps({"photo": encoded, "names": "cat"}).encode()
    head = f"POST /api/v1/segment HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
    with socket.create_connection((host, int(port))) as caller:
        caller.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        time.sleep(0.2)
    with socket.create_connection((host, int(port))) as caller:
        caller.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:100])
    assert post("search", words="cat", k=1).status_code == 200


def test_no_result_is_left_on_the_server(post, encoded, server_folder: Path):
    before = {file for file in server_folder.rglob("*") if file.is_file()}
    for name, given in (("segment", {"names": "cat", "scores": True}), ("discover", {"words": "cat, wall"})):
        assert post(name, photo=encoded, **given).status_code == 200
    taught = post("teach", name="Zorbl", photos=[encoded]).json()["taught"]
    assert post("search", words="zorbl", taught=taught).status_code == 200
    assert {file for file in server_folder.rglob("*") if file.is_file()} == before
