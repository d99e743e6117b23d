"""The folder of visitors' files has another name outside, in whatever pieces messages come."""

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from reco_app.hosting.hidden_paths import Exchange, HiddenPaths, outside_name

INSIDE = Path("/home/ada/räume/gradio")
OUTSIDE = outside_name(INSIDE).decode()


@pytest.mark.parametrize("size", range(1, 30))
def test_pieces_of_any_size(size):
    text = "/home/ada/home/ada/räume/gradio/a.png /home/ada/räume/gradi /home/ada/räume/gradio".encode()
    exchange = Exchange(str(INSIDE).encode(), outside_name(INSIDE))
    pieces = [text[i : i + size] for i in range(0, len(text), size)]
    said = b"".join(exchange.feed(piece, True) for piece in pieces) + exchange.feed(b"", False)
    assert said == text.replace(str(INSIDE).encode(), outside_name(INSIDE))
    assert len(said) == len(text)


def test_nothing_is_held_back_that_can_be_said():
    exchange = Exchange(b"/tmp/gradio", b"/reco~files")
    assert exchange.feed(b'data: {"a": 1}\n\n', True) == b'data: {"a": 1}\n\n'


@pytest.fixture
def client() -> TestClient:
    async def body(request: Request) -> JSONResponse:
        return JSONResponse({"came": (await request.body()).decode(), "inside": str(INSIDE) + "/b.png"})

    async def file(request: Request) -> Response:
        inside = request.path_params["path"].startswith(str(INSIDE))
        return Response(str(INSIDE).encode(), media_type="image/png", headers={"X-Inside": str(inside)})

    async def events(request: Request) -> StreamingResponse:
        pieces = (f"data: {INSIDE}/a"[i : i + 3] for i in range(0, len(f"data: {INSIDE}/a"), 3))
        return StreamingResponse((piece.encode() for piece in pieces), media_type="text/event-stream")

    routes = [Route("/body", body, methods=["POST"]), Route("/file={path:path}", file), Route("/events", events)]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(HiddenPaths, folder=INSIDE)]))


def test_the_page_names_files_by_the_other_name(client):
    given = {"path": f"{OUTSIDE}/a.png"}
    reply = client.post("/body", json=given)
    assert reply.json()["inside"] == f"{OUTSIDE}/b.png"
    assert int(reply.headers["content-length"]) == len(reply.content)
    assert OUTSIDE in reply.json()["came"] and str(INSIDE) not in reply.text  # it came as the path, and went back
    assert client.get("/events").text == f"data: {OUTSIDE}/a"


def test_what_the_app_hears_is_the_path(client):
    seen = []

    async def hear(request: Request) -> JSONResponse:
        seen.append(await request.json())
        return JSONResponse({})

    client.app.router.routes.append(Route("/hear", hear, methods=["POST"]))
    client.post("/hear", json={"path": f"{OUTSIDE}/a.png"})
    assert seen == [{"path": f"{INSIDE}/a.png"}]


def test_pictures_stay_as_they_are(client):
    reply = client.get(f"/file={OUTSIDE}/a.png")
    assert reply.headers["x-inside"] == "True"
    assert reply.content == str(INSIDE).encode()
