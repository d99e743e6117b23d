"""Plain HTTP for the endpoints: POST /api/v1/NAME with a JSON object or a form, an answer of JSON, and a status that
says whose fault an error is. Gradio's own API answers 200 and tells errors in a stream of events.

Each call is handed on to Gradio's API inside the server, with the caller's headers and address: so there is one queue,
one login and one set of limits for both.
"""

import json
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, NamedTuple

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from reco_app.api.arguments import bound
from reco_app.api.bodies import arguments
from reco_app.api.endpoint import offered
from reco_app.api.refusal import status_named, status_of
from reco_app.hosting.guard import INSIDE
from reco_app.limits import Limits
from reco_app.messages import UNEXPECTED, sentence
from reco_core.errors import OptionError, find

PREFIX, CALL = "/api/v1", "/gradio_api/call"
CARRIED = ("type", "asgi", "http_version", "scheme", "server", "client", "root_path", "state")  # of a request's scope
OTHER_HEADERS = (b"content-length", b"content-type", b"accept-encoding")  # are not those of the inner request
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
NOT_POSTED = "This is called by POST, with a form or a JSON object; see docs/api.md."
NOWHERE = f"There is nothing at this address. Endpoints are called by POST {PREFIX}/NAME; see docs/api.md."
RETRY = "30"  # seconds
BUSY = "Too many requests are waiting on this server. Try again in half a minute."


class Reply(NamedTuple):
    """What Gradio's API said."""

    status: int
    body: bytes
    wait: str = ""  # seconds after which it may be asked again


class Routes:
    """Answers plain HTTP with the endpoints that the app offers."""

    def __init__(self, limits: Limits) -> None:
        self.most_bytes = limits.body_bytes

    @property
    def routes(self) -> list[Route]:
        """For FastAPI; the last says what is wrong with all other requests."""
        mine = [Route(f"{PREFIX}/{{name}}{end}", self.answer, methods=["POST"]) for end in ("", "/")]
        return [*mine, Route("/api/{path:path}", self.nothing, methods=METHODS)]

    async def nothing(self, request: Request) -> JSONResponse:
        """The sentence for what is no endpoint, or an endpoint that is not called so."""
        known = [f"{PREFIX}/{name}" for name in offered(request.app.get_blocks())]
        if f"/api/{request.path_params['path']}".rstrip("/") in known:
            return JSONResponse({"error": NOT_POSTED}, HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": "POST"})
        return _error(HTTPStatus.NOT_FOUND, NOWHERE)

    async def answer(self, request: Request) -> JSONResponse:
        """The endpoint's answer; or the sentence that says what is wrong, as "error"."""
        name, endpoints = request.path_params["name"], offered(request.app.get_blocks())
        try:
            call = find(name[:80], endpoints, "endpoint")
        except OptionError as error:
            return _error(HTTPStatus.NOT_FOUND, sentence(error))
        try:
            given = bound(call, await arguments(request, call, self.most_bytes))
            return await called(request, name, given.values())
        except ClientDisconnect:
            return _error(HTTPStatus.BAD_REQUEST, "The request was cut short.")
        except Exception as error:
            return _error(status_of(error), sentence(error))


async def called(request: Request, name: str, values: Iterable[Any]) -> JSONResponse:
    """What an endpoint answers to a caller. values: its arguments, in order."""
    body = json.dumps({"data": list(values)}).encode()
    begun = await inside(request, "POST", f"{CALL}/{name}", body)
    if begun.status != HTTPStatus.OK:
        return _refused(begun)
    event = json.loads(begun.body)["event_id"]
    return _finished(await inside(request, "GET", f"{CALL}/{name}/{event}"))


async def inside(request: Request, method: str, path: str, body: bytes = b"") -> Reply:
    """Ask the same server for something else, for the same caller; when the caller goes away, so does this request."""
    headers = [pair for pair in request.scope["headers"] if pair[0] not in OTHER_HEADERS]
    headers += [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    scope = {key: request.scope[key] for key in CARRIED if key in request.scope}
    scope |= {"method": method, "path": path, "raw_path": path.encode(), "query_string": b"", "headers": headers}
    scope[INSIDE] = True
    status, wait, said, sent = 500, "", bytearray(), False

    async def receive() -> Any:
        nonlocal sent
        if not sent:
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}
        return await request.receive()

    async def send(message: Any) -> None:
        nonlocal status, wait
        if message["type"] == "http.response.start":
            status, wait = message["status"], Headers(raw=message["headers"]).get("retry-after", "")
        else:
            said.extend(message.get("body", b""))

    await request.app(scope, receive, send)
    return Reply(status, bytes(said), wait)


def _finished(reply: Reply) -> JSONResponse:
    """The last event of Gradio's stream."""
    for event in reversed(reply.body.decode().split("\n\n")):
        kind, _, data = event.partition("\ndata: ")
        if kind == "event: complete":
            return JSONResponse(json.loads(data)[0])
        if kind == "event: error":
            told = json.loads(data)
            told = told if isinstance(told, dict) else {}
            return _error(status_named(told.get("title")), told.get("error") or UNEXPECTED)
    return _error(HTTPStatus.INTERNAL_SERVER_ERROR, UNEXPECTED)


def _refused(reply: Reply) -> JSONResponse:
    """Before it was in the queue: not logged in, too many, ..."""
    if reply.status == HTTPStatus.SERVICE_UNAVAILABLE:
        return _error(HTTPStatus.SERVICE_UNAVAILABLE, BUSY)
    try:
        said = json.loads(reply.body)["detail"]
        said = said["error"] if isinstance(said, dict) else said
    except (ValueError, KeyError, TypeError):
        said = HTTPStatus(reply.status).phrase
    return _error(HTTPStatus(reply.status), f"{said}", reply.wait)


def _error(status: HTTPStatus, why: str, wait: str = "") -> JSONResponse:
    waits = status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS)
    return JSONResponse({"error": why}, status, {"Retry-After": wait or RETRY} if waits else None)
