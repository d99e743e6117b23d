"""Where visitors' files lie on this machine is nobody's business: outside, the folder has another name.

Gradio names an upload by its whole path, and the page sends that back. The other name is as long as the path, so that
nothing else of a message changes.
"""

from collections.abc import Iterable
from pathlib import Path

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

NAME = "/reco~files"
TEXTS = ("application/json", "text/event-stream", "text/html", "text/plain")


def outside_name(folder: Path) -> bytes:
    """What a folder is called outside: as many bytes as its path."""
    length = len(str(folder).encode())
    return NAME.ljust(length, "~")[:length].encode()


class Exchange:
    """Puts one text for another, as long, in bytes that come in parts."""

    def __init__(self, old: bytes, new: bytes) -> None:
        self.old, self.new, self._rest = old, new, b""

    def feed(self, part: bytes, more: bool) -> bytes:
        """What can be said by now. more: whether another part will come."""
        data = (self._rest + part).replace(self.old, self.new)
        held = max((n for n in range(1, len(self.old)) if data.endswith(self.old[:n])), default=0) if more else 0
        self._rest = data[len(data) - held :]
        return data[: len(data) - held]


class HiddenPaths:
    """Between Gradio and whatever compresses its replies."""

    def __init__(self, app: ASGIApp, folder: Path) -> None:
        self.app = app
        self.inside = str(folder).encode()
        self.outside = outside_name(folder)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"].replace(self.outside.decode(), self.inside.decode())
        raw = scope.get("raw_path") or b""
        asks = _is_text(Headers(scope=scope).get("content-type"), ("application/json",))
        inward, outward = Exchange(self.outside, self.inside), Exchange(self.inside, self.outside)
        says = False

        async def hear() -> Message:
            message = await receive()
            if asks and message["type"] == "http.request":
                body = inward.feed(message.get("body", b""), message.get("more_body", False))
                message = {**message, "body": body}
            return message

        async def say(message: Message) -> None:
            nonlocal says
            if message["type"] == "http.response.start":
                says = _is_text(Headers(raw=message.get("headers", [])).get("content-type"), TEXTS)
            elif says and message["type"] == "http.response.body":
                body = outward.feed(message.get("body", b""), message.get("more_body", False))
                message = {**message, "body": body}
            await send(message)

        await self.app({**scope, "path": path, "raw_path": raw.replace(self.outside, self.inside)}, hear, say)


def _is_text(kind: str | None, kinds: Iterable[str]) -> bool:
    return (kind or "").partition(";")[0].strip().lower() in kinds
