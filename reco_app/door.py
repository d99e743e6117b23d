"""What every HTTP request passes before Gradio sees it: its client's limits, and plain words when it is refused."""

import json
import shutil
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs

import gradio as gr
from python_multipart.multipart import parse_options_header
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reco_app.clients import Clients, Refused, TooLarge, who
from reco_app.context import AppContext
from reco_app.fair_queue import FairQueue
from reco_app.hosting.guard import INSIDE
from reco_app.messages import BAD_REQUEST, sentence
from reco_core.errors import NoSpaceError
from reco_core.utils.disk_space import is_full

API = "/gradio_api/"
CALLS = ("run", "api")  # what is done at once, past the queue
WORKSHOP = ("process_recording", "vibe-edit", "undo-vibe-edit", "vibe-code", "vibe-starter-queries", "proxy=")
UNUSED = (*WORKSHOP, "mcp/sse", "mcp/messages")  # MCP's old way, whose calls outlive their requests
GONE = "There is no such call, or its answer has been fetched already. Begin it again."
SMALL = 1_000_000  # bytes of what is done at once


class FileCount:
    """How many parts a form has, counted while it comes."""

    def __init__(self, scope: Scope) -> None:
        _, options = parse_options_header(dict(scope["headers"]).get(b"content-type", b""))
        self.mark, self.count, self._end = b"--" + options.get(b"boundary", b""), -1, b""  # the last mark ends the form

    def add(self, body: bytes) -> int:
        """The next bytes; returns how many parts begin in them."""
        body = self._end + body
        self._end = body[1 - len(self.mark) :]  # shorter than a mark, so that none is counted twice
        new = body.count(self.mark)
        self.count += new
        return new


class Door:
    """The outermost layer of the app."""

    def __init__(self, app: ASGIApp, clients: Clients, queue: FairQueue, cache: Path) -> None:
        """cache: where uploads are put."""
        self.app, self.clients, self.queue, self.cache = app, clients, queue, cache

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or say why not."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False

        async def sent(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._admit(scope, receive, sent)
        except Exception as error:
            reply = _refusal(error, scope["path"])
            if reply is None or begun:
                raise
            await reply(scope, receive, send)

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> None:
        _, there, rest = scope["path"].rpartition(API)
        path = rest.strip("/") if there else ""
        client = who((scope.get("client") or ("",))[0])
        if path.startswith(UNUSED):
            await Response(status_code=404)(scope, receive, send)
        elif scope["method"] == "POST" and INSIDE not in scope:
            self.clients.call(client)
            await self._posted(path, client, scope, receive, send)
        elif (event := _event(path)) and not self.queue.known(event):
            await JSONResponse({"error": GONE}, 404)(scope, receive, send)
        elif key := event or _session_heard(path, scope):
            with self.queue.listening(key):
                await self.app(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _posted(self, path: str, client: str, scope: Scope, receive: Receive, send: Send) -> None:
        limits, upload, at_once = self.clients.limits, path == "upload", path.partition("/")[0] in CALLS
        stated = int(dict(scope["headers"]).get(b"content-length", b"0") or 0)
        most = limits.client_bytes if upload else SMALL if at_once else limits.body_bytes
        if stated > most:
            raise _too_large(most)
        if upload and shutil.disk_usage(self.cache).free < limits.free_bytes + stated:
            raise NoSpaceError("the disk is full", remedy="Try again in a few minutes")
        read, files = 0, FileCount(scope) if upload else None

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            body = message.get("body", b"")
            size = len(body)
            read += size
            if read > most:
                raise _too_large(most)
            new = files.add(body) if files else 0
            if files and files.count > limits.upload_files:
                raise TooLarge("these are too many files", expected=f"at most {limits.upload_files} at once")
            self.clients.bring(client, size + new * limits.file_bytes)
            return message

        if upload:
            with self.clients.upload(client):
                await self.app(scope, counted, send)
        elif at_once:
            body = await _whole(counted)
            if session := _session(body):
                self.clients.session(client, session)
            await self.app(scope, _replayed(body, receive), _blaming(send))
        else:
            await self.app(scope, counted, send)


def at_the_door(blocks: gr.Blocks, context: AppContext) -> Middleware:
    """The layer for an app; the first of its middleware."""
    return Middleware(Door, context.clients, cast(FairQueue, blocks._queue), context.cache)


def _event(path: str) -> str:
    """The event whose answer a request waits for; "" if it waits for none."""
    parts = path.split("/")
    return parts[-1] if parts[0] == "call" and len(parts) >= 3 else ""


def _session_heard(path: str, scope: Scope) -> str:
    """The session whose answers a request waits for; "" if it waits for none."""
    asked = scope["query_string"].decode("latin-1") if path == "queue/data" else ""
    return parse_qs(asked).get("session_hash", [""])[0]


def _too_large(most: float) -> TooLarge:
    return TooLarge("the request is too large", expected=f"at most {most / 1e6:,.0f} MB")


async def _whole(receive: Receive) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message["type"] == "http.request" and message.get("more_body", False)
    return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """The same body again, then what there is."""
    first = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return first.pop() if first else await receive()

    return replay


def _blaming(send: Send) -> Send:
    """Gradio answers every error of what is done at once with 500; the caller's faults are 400."""
    begun: list[Message] = []

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 500:
            begun.append(message)
            return
        if begun:
            start = begun.pop()
            await send({**start, "status": 400} if _title(message.get("body", b"")) == BAD_REQUEST else start)
        await send(message)

    return sent


def _title(body: bytes) -> str:
    try:
        return str(json.loads(body)["title"])
    except (ValueError, KeyError, TypeError):
        return ""


def _session(body: bytes) -> str:
    try:
        said: Any = json.loads(body)
        return str(said.get("session_hash") or "")[:100]
    except (ValueError, AttributeError, RecursionError):
        return ""


def _refusal(error: Exception, path: str) -> Response | None:
    """What is answered to an error that somebody can be told of; None: to no other."""
    headers: dict[str, str] = {}
    if isinstance(error, Refused):
        status, headers = 429, {"Retry-After": str(error.wait)}
    elif isinstance(error, TooLarge):
        status = 413
    elif isinstance(error, NoSpaceError) or is_full(error):
        status = 507
    else:
        return None
    if path.endswith("/upload"):  # the page shows it as it is
        return PlainTextResponse(sentence(error), status, headers)
    return JSONResponse({"detail" if API in path else "error": sentence(error)}, status, headers)
