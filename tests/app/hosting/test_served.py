"""The app as it is served: its environment, its password, its headers, and what it does not tell of its machine."""

import asyncio
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult
from support.fake_spaces import fake_spaces
from support.server import ROOT, serving

NAME = "my neighbour's dog"
SPACE = {
    "SYSTEM": "spaces",
    "SPACE_ID": "someone/reco",
    "GRADIO_SERVER_NAME": "0.0.0.0",
    "RECO_AUTH": "ada:love",
    "RECO_LOG": "json",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("space")


@pytest.fixture(scope="module")
def space(folder, tmp_path_factory) -> Iterator[str]:
    """A server in the environment of a Space, whose visitors need a password."""
    packages = fake_spaces(tmp_path_factory.mktemp("packages"))
    with serving([sys.executable, "app.py"], folder, {**SPACE, "PYTHONPATH": str(packages)}) as url:
        for _ in range(300):
            if httpx.get(f"{url}healthz").status_code == 200:
                break
            threading.Event().wait(0.2)
        yield url


@pytest.fixture
def visitor(space) -> Iterator[httpx.Client]:
    """One who has come in."""
    with httpx.Client(base_url=space, timeout=60) as client:
        assert client.post("login", data={"username": "ada", "password": "love"}).status_code == 200
        yield client


def machine(folder: Path) -> list[str]:
    """What would tell of this machine."""
    return [str(ROOT), str(folder), tempfile.gettempdir(), sys.prefix, str(Path.home()) + "/", "site-packages"]


def test_it_listens_where_the_environment_says(space):
    ways = subprocess.run(["cat", "/proc/net/tcp"], capture_output=True, text=True, check=True).stdout
    port = int(space.rstrip("/").rpartition(":")[2])
    assert f" 00000000:{port:04X} 00000000:0000 0A" in ways


def test_nobody_comes_in_without_the_password(space):
    for path in ("config", "gradio_api/info", "gradio_api/file=x"):
        assert httpx.get(space + path).status_code == 401
    assert httpx.post(f"{space}gradio_api/upload", files={"files": b"x"}).status_code == 401
    call = httpx.post(f"{space}api/v1/search", json={"words": "cat"})
    assert (call.status_code, call.json()["error"]) == (401, "Not authenticated")
    assert httpx.post(f"{space}login", data={"username": "ada", "password": "hate"}).status_code == 400
    assert httpx.get(f"{space}healthz").json()["preset"] == "mini"
    assert "reco_replies_total" in httpx.get(f"{space}metrics").text


def test_assistants_need_the_password_too(space, visitor):
    """It is a cookie, which their client sends."""

    async def search(cookies: httpx.Cookies | None) -> CallToolResult:
        async with (
            httpx.AsyncClient(cookies=cookies, timeout=60) as http,
            streamable_http_client(f"{space}gradio_api/mcp/", http_client=http) as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            (name,) = [tool.name for tool in (await session.list_tools()).tools if tool.name.endswith("search")]
            return await session.call_tool(name, {"words": "cat", "k": 2})

    with ThreadPoolExecutor(1) as other:  # see `talk` in tests/app/api
        refused = other.submit(lambda: asyncio.run(search(None))).result()
        answered = other.submit(lambda: asyncio.run(search(visitor.cookies))).result()
    assert (refused.isError, refused.content[0].text) == (True, "Not authenticated")
    assert not answered.isError
    assert len(json.loads(answered.content[0].text)["photos"]) == 2


def test_the_hub_may_show_it_and_no_other_page_may_call_it(space):
    reply = httpx.get(space, headers={"Origin": "https://evil.example"})
    assert (
        "frame-ancestors 'self' https://huggingface.co https://*.hf.space" in reply.headers["content-security-policy"]
    )
    assert "x-frame-options" not in reply.headers and "access-control-allow-origin" not in reply.headers
    call = httpx.post(f"{space}gradio_api/queue/join", json={}, headers={"Origin": "https://evil.example"})
    assert call.status_code == 403


def test_no_reply_tells_of_the_machine(visitor, folder, chelsea):
    uploaded = visitor.post("gradio_api/upload", files={"files": ("dog.png", chelsea.read_bytes())})
    (path,) = uploaded.json()
    photo = {"path": path, "meta": {"_type": "gradio.FileData"}}
    replies = [uploaded, *map(visitor.get, ("", "config", "gradio_api/info", "gradio_api/openapi.json"))]
    asked = ("x", "/etc/passwd", "../app.py", f"{ROOT}/app.py"[len(str(ROOT)) :], path + "x", "%00", "x" * 5000)
    replies += [visitor.get(f"gradio_api/file={name}") for name in asked]
    replies += [visitor.get(f"{name}") for name in ("nowhere", "static/../../x", "assets/x", "theme.css", "monitoring")]
    bodies = (b"", b"{", b'{"data": 1}', json.dumps({"fn_index": 10**9, "data": [photo]}).encode())
    for name in ("gradio_api/queue/join", "gradio_api/run/segment", "gradio_api/call/segment", "gradio_api/upload"):
        kind = {"Content-Type": "application/json"}
        replies += [visitor.post(name, content=body, headers=kind) for body in bodies]
    replies.append(visitor.post("gradio_api/upload", files={"files": ("", b"x")}))
    shown = visitor.get(f"gradio_api/file={path}")
    assert shown.status_code == 200 and shown.content == chelsea.read_bytes()
    for reply in replies:
        for word in machine(folder):
            assert word not in reply.text, (reply.request.url, word)
    assert {reply.status_code for reply in replies} <= {200, 400, 403, 404, 405, 413, 422}


def test_the_log_tells_of_no_visitor(visitor, folder, chelsea):
    (path,) = visitor.post("gradio_api/upload", files={"files": ("dog.png", chelsea.read_bytes())}).json()
    for data in (path, "/etc/hostname"):
        photo = {"path": data, "meta": {"_type": "gradio.FileData"}}
        for names in (NAME, "", 5, {"a": NAME}):
            body = {"data": [photo, names, "reco2", 5, "", "", "mini", True, 0.5, "", False, False], "event_data": NAME}
            event = visitor.post("gradio_api/call/segment", json=body)
            if event.status_code == 200:
                visitor.get(f"gradio_api/call/segment/{event.json()['event_id']}")
    tool = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "ada's", "arguments": {"names": "dog"}},
    }
    both = {"Accept": "application/json, text/event-stream"}
    assert "ada" in visitor.post("gradio_api/mcp/", json=tool, headers=both).text
    log = (folder / "log.txt").read_text()
    lines = [json.loads(line) for line in log.splitlines()]
    assert {"called", "ready"} <= {line["event"] for line in lines}
    calls = {line["call"] for line in lines if line["event"] == "called"}
    assert {"segment"} <= calls <= {"segment", "search"}  # and an assistant's
    assert "done" in {line["outcome"] for line in lines if line["event"] == "called"}
    for word in (*machine(folder), "dog", "love", "ada", "/etc/hostname"):
        assert word not in log, word
