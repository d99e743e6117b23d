"""What stands before every reply: headers for browsers, who may call from another site's page, and words for errors."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reco_app.hosting.logs import note, unread
from reco_app.messages import UNEXPECTED, UNREAD

INSIDE = "reco.inside"  # in the scope of what the server asks itself, for a request that has passed here
SAFE = ("GET", "HEAD")
FOREIGN = "Pages of other sites may not use this server."
PREFLIGHT = {"Access-Control-Allow-Methods": "GET, POST, OPTIONS", "Access-Control-Max-Age": "600"}


@dataclass(frozen=True)
class Policy:
    """origins: of pages that may call this server, besides its own. frames: of pages that may show it in a frame.

    hub: whether it is a Space, whose page asks the hub for its name and picture.
    """

    origins: frozenset[str] = frozenset()
    frames: tuple[str, ...] = ()
    hub: bool = False

    @property
    def content(self) -> str:
        """The content security policy. Gradio's page writes scripts into itself and runs those of its components."""
        hub = " https://huggingface.co" if self.hub else ""
        rules = {
            "default-src": "'self'",
            "script-src": "'self' 'unsafe-inline' 'unsafe-eval' blob:",
            "style-src": "'self' 'unsafe-inline'",
            "img-src": f"'self' data: blob:{hub}",
            "media-src": "'self' data: blob:",
            "font-src": "'self' data:",
            "connect-src": f"'self' data: blob:{hub}",
            "worker-src": "'self' blob:",
            "object-src": "'none'",
            "base-uri": "'self'",
            "form-action": "'self'",
            "frame-ancestors": " ".join(("'self'", *self.frames)),
        }
        return "; ".join(f"{name} {value}" for name, value in rules.items())

    @property
    def headers(self) -> dict[str, str]:
        """Of every reply."""
        headers = {
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "Content-Security-Policy": self.content,
            "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
            "Cross-Origin-Resource-Policy": "cross-origin" if self.origins else "same-origin",
        }
        return headers if self.frames else {**headers, "X-Frame-Options": "SAMEORIGIN"}


class Guard:
    """Around the whole app, so that errors have the headers too. Gradio allows any origin; here only those named.

    replied: told the status of every reply.
    """

    def __init__(self, app: ASGIApp, policy: Policy, replied: Callable[[int], None] = lambda status: None) -> None:
        self.app, self.policy, self.replied = app, policy, replied
        self._headers = policy.headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or INSIDE in scope:
            await self.app(scope, receive, send)
            return
        asked = Headers(scope=scope)
        origin = asked.get("origin", "") if foreign(asked) else ""
        known = origin.lower() in self.policy.origins

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.replied(message["status"])
                headers = MutableHeaders(scope=message)
                headers.update(self._headers)
                if known:
                    headers["Access-Control-Allow-Origin"] = origin
                if self.policy.origins:
                    headers.add_vary_header("Origin")
            await send(message)

        app = self.app
        if origin and known and scope["method"] == "OPTIONS":
            wanted = asked.get("access-control-request-headers", "Content-Type")
            app = Response(status_code=204, headers={**PREFLIGHT, "Access-Control-Allow-Headers": wanted})
        elif origin and not known and scope["method"] not in SAFE:
            app = JSONResponse({"error": FOREIGN}, 403)
        # Gradio would let every origin read what it answers.
        scope = {**scope, "headers": [(name, value) for name, value in scope["headers"] if name != b"origin"]}
        try:
            await app(scope, receive, answer)
        except Exception as error:  # answered by `failed`
            level = logging.INFO if unread(error) else logging.ERROR
            note("refused" if unread(error) else "unexpected error", level, error, kind="Request")


async def failed(request: Request, error: Exception) -> Response:
    """The reply where Gradio has none: 400 if it could not make out what was asked, else 500."""
    return JSONResponse({"error": UNREAD}, 400) if unread(error) else JSONResponse({"error": UNEXPECTED}, 500)


def foreign(asked: Headers) -> bool:
    """Whether a page of another site asks. Programs say no origin; a browser says it, and cannot be made to lie."""
    origin, site = asked.get("origin"), asked.get("sec-fetch-site", "")
    if origin is None or site in ("same-origin", "none"):
        return False
    hosts = {asked.get("host", "").lower(), asked.get("x-forwarded-host", "").lower()}
    return site == "cross-site" or urlsplit(origin).netloc.lower() not in hosts - {""}
