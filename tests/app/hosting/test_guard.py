"""Headers of every reply, and what pages of other sites may do: nothing, unless they are named."""

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from reco_app.hosting.guard import FOREIGN, Guard, Policy, failed
from reco_app.messages import UNEXPECTED

SHOP, EVIL = "https://shop.example", "https://evil.example"
HERE = "http://reco.example"


def client(policy: Policy, replies: list[int] | None = None) -> TestClient:
    """Of an app behind the guard; it says the origin that it was told, and fails at /broken."""

    async def echo(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(request.headers.get("origin")), headers={"Vary": "Accept-Encoding"})

    async def broken(request: Request) -> PlainTextResponse:
        raise RuntimeError("broken")

    methods = ["GET", "POST", "DELETE"]
    app = Starlette(
        routes=[Route("/", echo, methods=methods), Route("/broken", broken)], exception_handlers={Exception: failed}
    )
    replied = [] if replies is None else replies
    return TestClient(Guard(app, policy, replied.append), HERE)


@pytest.mark.parametrize(("path", "status"), [("/", 200), ("/nowhere", 404), ("/broken", 500)])
def test_every_reply_has_the_headers_errors_too(path, status):
    replies = []
    reply = client(Policy(), replies).get(path)
    assert reply.status_code == status and replies == [status]
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["referrer-policy"] == "same-origin"
    assert reply.headers["x-frame-options"] == "SAMEORIGIN"
    content = reply.headers["content-security-policy"]
    assert "default-src 'self';" in content and "frame-ancestors 'self'" in content and "http" not in content


def test_what_goes_wrong_is_said_in_a_sentence_and_logged(caplog):
    reply = client(Policy()).get("/broken")
    assert reply.json() == {"error": UNEXPECTED}
    assert caplog.messages == ["unexpected error"]


def test_who_may_show_it_in_a_frame():
    reply = client(Policy(frames=("https://huggingface.co",), hub=True)).get("/")
    assert "frame-ancestors 'self' https://huggingface.co" in reply.headers["content-security-policy"]
    assert "x-frame-options" not in reply.headers  # it knows no list


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": HERE},
        {"Origin": "https://outside.example", "X-Forwarded-Host": "outside.example"},
        {"Origin": "https://outside.example", "Sec-Fetch-Site": "same-origin"},  # a proxy changed the host's name
    ],
)
def test_programs_and_the_own_page_may_do_all(headers):
    asked = client(Policy()).post("/", headers=headers)
    assert (asked.status_code, asked.text) == (200, "None")
    assert "access-control-allow-origin" not in asked.headers


@pytest.mark.parametrize(
    "headers",
    [{"Origin": EVIL}, {"Origin": "null"}, {"Origin": HERE, "Sec-Fetch-Site": "cross-site"}, {"Origin": HERE + ":81"}],
)
@pytest.mark.parametrize("policy", [Policy(), Policy(frozenset({SHOP}))])
def test_pages_of_others_may_change_nothing_and_read_nothing(headers, policy):
    visitor = client(policy)
    for method in ("POST", "DELETE", "OPTIONS"):
        refused = visitor.request(method, "/", headers={"Access-Control-Request-Method": "POST", **headers})
        assert (refused.status_code, refused.json()) == (403, {"error": FOREIGN})
        assert refused.headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in refused.headers
    read = visitor.get("/", headers=headers)
    assert (read.status_code, read.text) == (200, "None")
    assert "access-control-allow-origin" not in read.headers


def test_a_page_that_is_named_may():
    visitor, named = client(Policy(frozenset({SHOP}))), {"Origin": SHOP, "Sec-Fetch-Site": "cross-site"}
    wanted = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    first = visitor.options("/", headers=named | wanted)
    assert first.status_code == 204
    assert first.headers["access-control-allow-headers"] == "content-type"
    reply = visitor.post("/", headers=named)
    assert (reply.status_code, reply.headers["access-control-allow-origin"]) == (200, SHOP)
    assert reply.headers["vary"] == "Accept-Encoding, Origin"
    assert "access-control-allow-credentials" not in reply.headers
