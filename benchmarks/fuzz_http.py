"""Broken uploads and odd names over HTTP: whether a server ever fails, says nothing, or tells of its machine.

    python app.py --behind-proxy 127.0.0.1 &
    python benchmarks/fuzz_http.py http://127.0.0.1:7860 [--uploads 2000] [--names 2000] [--seed 0]

Half of the uploads go to the API, half to the page's own address for uploads. Exits with 1 if anything was wrong.
"""

import argparse
import base64
import collections
import io
import json
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
TRACES = (str(ROOT), str(Path.home()) + "/", tempfile.gettempdir() + "/", sys.prefix, "site-packages", "Traceback")
FINE = {200, 400, 404, 405, 413, 415, 422, 429, 503}
ODD = (
    "",
    " ",
    ",,,",
    "\0",
    "\u202ecat",
    "\ud800",
    "cat\r\nX-Evil: 1",
    "<img src=x onerror=alert(1)>",
    "{{7*7}}",
    "%s%n%x",
    "../../etc/passwd",
    "file:///etc/passwd",
    "'; drop table photos; --",
    "🐈‍⬛",
    "cat" * 2000,
    ", ".join(f"thing {i}" for i in range(500)),
    '"',
    "\\",
    "NaN",
    "-1",
)
FILES = ("photo.png", "a" * 300 + ".png", "../../x.png", "/etc/passwd", "x.php", "", "ä\u202e.jpg", "a\\b")
OTHER = (None, True, 0, -1.5, 1e308, [], ["cat"], [["cat"]], {}, {"path": "/etc/passwd"}, {"a": {"b": None}})


def picture(kind: str, seed: int = 0) -> bytes:
    """A small photo as a file."""
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (48, 64, 3), np.uint8)).save(file, kind)
    return file.getvalue()


def broken(rng: random.Random, count: int) -> Iterator[tuple[str, bytes]]:
    """Names of files, and files that are cut, changed, repeated, of another kind, or none at all."""
    sound = {kind: picture(kind) for kind in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP")}
    for _ in range(count):
        kind = rng.choice(list(sound))
        data = bytearray(sound[kind])
        way = rng.randrange(6)
        if way == 0:
            del data[rng.randrange(len(data)) :]
        elif way == 1:
            for _ in range(rng.randint(1, 30)):
                data[rng.randrange(len(data))] = rng.randrange(256)
        elif way == 2:
            start = rng.randrange(len(data))
            data[start:start] = data[: rng.randrange(len(data))]
        elif way == 3:
            data = bytearray(rng.randbytes(rng.choice((0, 1, 10, 1000, 50_000))))
        elif way == 4:
            data = bytearray(rng.choice((b"<svg/>", b"<?xml?>", b"%PDF-1.7", b"PK\3\4", b"\x1f\x8b", b"GIF89a")))
        else:
            data[16:24] = rng.randbytes(8)  # where a PNG says how large it is
        yield rng.choice(FILES), bytes(data)


def names(rng: random.Random, count: int) -> Iterator[Any]:
    """Names, and what is none."""
    for i in range(count):
        if i < len(ODD) + len(OTHER):
            yield (*ODD, *OTHER)[i]
        elif rng.random() < 0.2:
            yield rng.choice(OTHER)
        else:
            letters = (rng.randrange(rng.choice((128, 0x250, 0x3000, 0x110000))) for _ in range(rng.randint(1, 40)))
            yield rng.choice(("", "cat, ", "not ")) + "".join(map(chr, letters))


class Checker:
    """Sends and judges. wrong: what was wrong, with how often. statuses: of all replies."""

    def __init__(self, address: str) -> None:
        self.client = httpx.Client(base_url=address, timeout=120)
        self.wrong: collections.Counter[str] = collections.Counter()
        self.statuses: collections.Counter[int] = collections.Counter()
        self.sent = 0

    def send(self, what: str, path: str, **body: Any) -> None:
        """One request, from an address of its own."""
        self.sent += 1
        address = f"10.{self.sent >> 16 & 255}.{self.sent >> 8 & 255}.{self.sent & 255}"
        try:
            reply = self.client.post(path, headers={"X-Forwarded-For": address, **body.pop("headers", {})}, **body)
        except httpx.HTTPError as error:
            self.wrong[f"{what}: {type(error).__name__}"] += 1
            return
        self.statuses[reply.status_code] += 1
        if reply.status_code not in FINE:
            self.wrong[f"{what}: {reply.status_code} {reply.text[:200]}"] += 1
        if reply.status_code >= 400 and len(reply.text.split()) < 3:
            self.wrong[f"{what}: {reply.status_code} without a sentence: {reply.text[:100]}"] += 1
        for trace in TRACES:
            if trace in reply.text:
                self.wrong[f"{what}: tells {trace}"] += 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address", help="of a server that is started with --behind-proxy 127.0.0.1")
    parser.add_argument("--uploads", type=int, default=2000)
    parser.add_argument("--names", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng, checker = random.Random(args.seed), Checker(args.address.rstrip("/"))
    for i, (name, data) in enumerate(broken(rng, args.uploads)):
        if i % 2:
            checker.send("upload", "/gradio_api/upload", files={"files": (name, data)})
        else:
            form = {"names": "cat", "k": "1"}
            checker.send("photo", "/api/v1/segment", data=form, files={"photo": (name, data)})
    photo = f"data:image/png;base64,{base64.b64encode(picture('PNG')).decode()}"
    for given in names(rng, args.names):
        body = json.dumps({"photo": photo, "names": given, "k": 1})
        checker.send("names", "/api/v1/segment", content=body, headers={"Content-Type": "application/json"})
    alive = checker.client.get("/healthz").status_code
    print(f"{checker.sent} requests: {dict(sorted(checker.statuses.items()))}; afterwards /healthz says {alive}")
    for text, count in checker.wrong.most_common(20):
        print(f"WRONG {count} times: {text}")
    return 1 if checker.wrong or alive != 200 else 0


if __name__ == "__main__":
    sys.exit(main())
