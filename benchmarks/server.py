"""How soon a server is there, and what memory it takes in the long run.

    python benchmarks/server.py [CHECKOUT ...] [--rounds 3] [--requests 1000]

Each checkout is started in turn, `--rounds` times: seconds until its first page, until its models are loaded, and until
an answer that was asked for as soon as there was a page. Then, once for each, `--requests` requests of all kinds, with
photos of many sizes and names that nobody asked for before; its memory, which Linux tells, by their number.
"""

import argparse
import io
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import skimage.data
from PIL import Image

HERE = Path(__file__).resolve().parent.parent
TOLD_AT = (0, 1, 10, 30, 100, 200, 300, 500, 700, 1000, 2000, 5000)
KINDS = {"segment": 60, "discover": 12, "search": 12, "teach": 6, "page": 10}  # how often, of 100
SIDES = (320, 480, 640, 800, 1200, 1600, 3000)  # of photos, the long one
PHOTOS = (skimage.data.rocket, skimage.data.coffee, skimage.data.chelsea, skimage.data.astronaut)
MEMORY = ("Rss", "Pss", "Anonymous", "Swap")  # of /proc/PID/smaps_rollup


@contextmanager
def started(checkout: Path) -> Iterator[tuple[subprocess.Popen, str, float]]:
    """A server of a checkout: the process, its address, and when it was begun."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "app.py", "--port", str(port), "--behind-proxy", "127.0.0.1"]
        began = time.perf_counter()
        log, environment = Path(folder) / "log.txt", {**os.environ, "TMPDIR": folder}
        with log.open("w") as out:
            server = subprocess.Popen(command, cwd=checkout, stdout=out, stderr=out, env=environment)
        try:
            yield server, f"http://127.0.0.1:{port}", began
        except httpx.TransportError:
            print(f"the server ended with {server.poll()}\n{log.read_text()}")
            raise
        finally:
            server.terminate()
            server.wait()


def wait_for(address: str, server: subprocess.Popen) -> None:
    """Ask until there is a reply that says all is well."""
    while True:
        if server.poll() is not None:
            raise SystemExit(f"the server ended with {server.returncode}")
        try:
            if httpx.get(address, timeout=60).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.02)


def encoded(photo: Image.Image) -> bytes:
    file = io.BytesIO()
    photo.save(file, "JPEG", quality=90)
    return file.getvalue()


def start(checkout: Path) -> tuple[float, float]:
    """Seconds until the first page, and until an answer."""
    photo = encoded(Image.fromarray(skimage.data.rocket()))
    with started(checkout) as (server, address, began):
        wait_for(f"{address}/", server)
        page = time.perf_counter() - began
        reply = httpx.post(
            f"{address}/api/v1/segment", data={"names": "rocket, sky, crane"}, files={"photo": photo}, timeout=300
        )
        reply.raise_for_status()
        return page, time.perf_counter() - began


class Asking:
    """Requests as many visitors make them, the same in each run. words: names to ask for, each used once."""

    def __init__(self, address: str, words: list[str]) -> None:
        self.web, self.words = httpx.Client(base_url=address, timeout=300), words
        self.chance, self.photos = random.Random(0), [Image.fromarray(photo()) for photo in PHOTOS]
        self.failed = 0

    def photo(self) -> bytes:
        photo, side = self.chance.choice(self.photos), self.chance.choice(SIDES)
        return encoded(photo.resize((side, side * self.chance.randint(50, 100) // 100)))

    def ask(self, number: int) -> None:
        """One request, from an address of its own."""
        (kind,) = self.chance.choices(list(KINDS), list(KINDS.values()))
        names = [self.words[(3 * number + i) % len(self.words)] for i in range(3)]
        headers = {"X-Forwarded-For": f"10.0.{number // 250 % 250}.{number % 250 + 1}"}
        if kind == "page":
            reply = self.web.get("/", headers=headers)
        elif kind == "search":
            reply = self.web.post("/api/v1/search", json={"words": names[0], "k": 20}, headers=headers)
        elif kind == "teach":
            photos = [("photos", (f"{i}.jpg", self.photo())) for i in range(3)]
            reply = self.web.post("/api/v1/teach", data={"name": names[0]}, files=photos, headers=headers)
        else:
            method = {"names": ", ".join(names), "method": self.chance.choice(("reco2", "reco2_crf"))}
            form = method if kind == "segment" else {"parts": "12"}
            reply = self.web.post(f"/api/v1/{kind}", data=form, files={"photo": self.photo()}, headers=headers)
        self.failed += reply.status_code != 200


def memory(server: subprocess.Popen) -> dict[str, float]:
    """MB by kind."""
    lines = Path(f"/proc/{server.pid}/smaps_rollup").read_text().splitlines()
    rows = {line.split()[0].rstrip(":"): int(line.split()[1]) for line in lines[1:]}
    return {kind: rows[kind] * 1024 / 1e6 for kind in MEMORY}


def watch(checkout: Path, requests: int) -> None:
    """Print the memory by the number of requests."""
    nouns = (HERE / "assets" / "vocabulary" / "nouns.tsv").read_text("utf-8").splitlines()
    words = [line.split("\t")[0] for line in nouns if not line.startswith("#")]
    random.Random(1).shuffle(words)
    with started(checkout) as (server, address, _):
        wait_for(f"{address}/healthz", server)
        asking = Asking(address, words)
        print(f"| {checkout.name}: after requests | seconds | {', MB | '.join(MEMORY)}, MB |\n|{'---|' * 6}")
        began = time.perf_counter()
        for number in range(requests + 1):
            if number in (*TOLD_AT, requests):
                row = " | ".join(f"{value:,.0f}" for value in memory(server).values())
                print(f"| {number:,} | {time.perf_counter() - began:.0f} | {row} |", flush=True)
            if number < requests:
                asking.ask(number)
        print(f"{asking.failed} of them failed")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkouts", nargs="*", type=Path, default=[HERE], help="the first is compared with the others")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=1000)
    args = parser.parse_args()
    times: dict[Path, list[tuple[float, float]]] = {checkout: [] for checkout in args.checkouts}
    for _ in range(args.rounds):
        for checkout in args.checkouts:
            times[checkout].append(start(checkout))
            print(f"{checkout.name}: page {times[checkout][-1][0]:.2f} s, answer {times[checkout][-1][1]:.2f} s")
    for what, index in (("first page", 0), ("first answer", 1)) if args.rounds else ():
        middle = [statistics.median(one[index] for one in times[checkout]) for checkout in args.checkouts]
        row = ", ".join(f"{c.name} {m:.2f} s" for c, m in zip(args.checkouts, middle, strict=True))
        print(f"{what}, median of {args.rounds}: {row}; {middle[-1] / middle[0]:.2f} times")
    for checkout in args.checkouts if args.requests else ():
        watch(checkout, args.requests)


if __name__ == "__main__":
    main()
