"""A web server on loopback that misbehaves as told."""

import hashlib
import re
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Fault = Callable[["Handler", bytes], bool]  # serves a request in its own way; False leaves it to the server


def dead() -> str:
    """An address on loopback where nothing answers: a port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


class Web(ThreadingHTTPServer):
    """files: path -> bytes. faults: path -> what happens to its first requests, in order. asked: path -> Range
    headers.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, list[Fault]] = defaultdict(list)
        self.asked: dict[str, list[str]] = defaultdict(list)
        self.lock, self.running, self.most_running = threading.Lock(), 0, 0
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def handle_error(self, request, client_address) -> None:
        """Broken connections are what this server is for."""

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"


class Handler(BaseHTTPRequestHandler):
    server: Web
    protocol_version = "HTTP/1.1"

    def log_message(self, *args) -> None:
        pass

    def do_GET(self) -> None:
        web = self.server
        with web.lock:
            web.asked[self.path].append(self.headers.get("Range", ""))
            web.running += 1
            web.most_running = max(web.most_running, web.running)
            fault = web.faults[self.path].pop(0) if web.faults[self.path] else None
        try:
            data = web.files.get(self.path)
            if fault and fault(self, data or b""):
                return
            self.whole(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        finally:
            with web.lock:
                web.running -= 1

    def do_HEAD(self) -> None:
        """As the hub answers for large files: their SHA-256 is the entity tag."""
        data = self.server.files.get(self.path)
        if data is None:
            self.answer(404, b"")
            return
        digest = hashlib.sha256(data).hexdigest()
        self.send_response(200)
        for name, value in (
            ("ETag", f'"{digest}"'),
            ("X-Linked-Etag", f'"{digest}"'),
            ("X-Repo-Commit", "1" * 40),
            ("X-Linked-Size", str(len(data))),
            ("Content-Length", str(len(data))),
        ):
            self.send_header(name, value)
        self.end_headers()

    def whole(self, data: bytes | None) -> None:
        """The file, or the part of it that was asked for."""
        if data is None:
            self.answer(404, b"not here")
            return
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        first = int(asked[1]) if asked else 0
        if asked and first >= len(data):
            self.answer(416, b"", {"Content-Range": f"bytes */{len(data)}"})
            return
        extra = {"Content-Range": f"bytes {first}-{len(data) - 1}/{len(data)}"} if asked else {}
        self.answer(206 if asked else 200, data[first:], extra)

    def answer(self, status: int, body: bytes, extra: dict[str, str] | None = None, send: int | None = None) -> None:
        """A reply; send: how many bytes of the body really come before the connection breaks."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (extra or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[:send])
        if send is not None:
            self.wfile.flush()
            self.close_connection = True
            self.connection.close()


def status(code: int, **headers: str) -> Fault:
    def serve(handler: Handler, data: bytes) -> bool:
        handler.answer(code, b"no", {name.replace("_", "-"): value for name, value in headers.items()})
        return True

    return serve


def cut(after: int) -> Fault:
    """The connection breaks after so many bytes of what was asked for."""

    def serve(handler: Handler, data: bytes) -> bool:
        asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        first = int(asked[1]) if asked else 0
        extra = {"Content-Range": f"bytes {first}-{len(data) - 1}/{len(data)}"} if asked else {}
        handler.answer(206 if asked else 200, data[first:], extra, send=after)
        return True

    return serve


def trickle(pieces: int, pause: float) -> Fault:
    """The whole file, slowly."""

    def serve(handler: Handler, data: bytes) -> bool:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        size = -(-len(data) // pieces)
        for start in range(0, len(data), size):
            handler.wfile.write(data[start : start + size])
            handler.wfile.flush()
            time.sleep(pause)
        return True

    return serve


def no_ranges(handler: Handler, data: bytes) -> bool:
    """A server that does not know Range."""
    handler.answer(200, data)
    return True


def stall(seconds: float) -> Fault:
    """Headers come, then nothing for a while."""

    def serve(handler: Handler, data: bytes) -> bool:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.flush()
        time.sleep(seconds)
        handler.close_connection = True
        return True

    return serve
