"""Many visitors at once: what fails, what is refused, how long it takes, whether memory grows, who sees whose photo.

    python app.py --behind-proxy 127.0.0.1 &
    python benchmarks/visitors.py http://127.0.0.1:7860 [--visitors 50] [--minutes 5] [--new-photos]

Each visitor has an address (told as a proxy would), names, and a photo of a size and with a marker of its own: squares
in a row, black and white, that are read back from every overlay. Exits with 1 if anything failed.
"""

import argparse
import base64
import collections
import io
import itertools
import random
import statistics
import sys
import threading
import time
from dataclasses import dataclass, field

import httpx
import numpy as np
import skimage.data
from PIL import Image

SQUARE, BITS = 16, 12  # pixels of a square of the marker, and how many there are
WORDS = ("cat", "cup", "table", "wall", "spoon", "rocket", "person", "flag", "wheel", "tree", "dog", "chair")
MEMORY = "process_resident_memory_bytes "


@dataclass
class Seen:
    """What happened, of all visitors. memory: (seconds since the start, bytes)."""

    seconds: list[float] = field(default_factory=list)
    refusals: collections.Counter[str] = field(default_factory=collections.Counter)
    errors: collections.Counter[str] = field(default_factory=collections.Counter)
    memory: list[tuple[float, float]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Visitor:
    """One with a photo and names that no other has."""

    def __init__(self, number: int) -> None:
        self.number, self.random = number, random.Random(number)
        self.names = list(list(itertools.combinations(WORDS, 2))[number % 66])
        source = (skimage.data.chelsea, skimage.data.coffee, skimage.data.astronaut)[number % 3]()
        self.size = (320 + 2 * number, 240 + number)
        photo = np.asarray(Image.fromarray(source).resize(self.size)).copy()
        photo[:SQUARE, : SQUARE * BITS] = np.repeat(np.repeat([squares(number)], SQUARE, 0), SQUARE, 1)[..., None]
        self.pixels = photo

    def photo(self, new: bool) -> bytes:
        """The photo as a file. new: one that nobody has asked about, by a pixel."""
        if new:
            self.pixels[-1, -1] = [self.random.randrange(256) for _ in range(3)]
        file = io.BytesIO()
        Image.fromarray(self.pixels).save(file, "PNG", compress_level=1)
        return file.getvalue()

    def wrong(self, answer: dict) -> str:
        """What of an answer is not this visitor's; "" if all is."""
        if [concept["name"] for concept in answer["concepts"]] != self.names:
            return "names of another visitor"
        overlay = Image.open(io.BytesIO(base64.b64decode(answer["overlay"].partition(",")[2]))).convert("L")
        if overlay.size != self.size or tuple(answer["size"]) != self.size:
            return "a photo of another size"
        row = np.asarray(overlay, float)[SQUARE // 2, SQUARE // 2 : SQUARE * BITS : SQUARE]
        return "" if ((row > (row.min() + row.max()) / 2) == (squares(self.number) > 0)).all() else "another's photo"


def squares(number: int) -> np.ndarray:
    """A number as (BITS,) uint8: its bits as 0 and 255, between one that is white and one that is black."""
    bits = [(number >> bit) & 1 for bit in range(BITS - 2)]
    return np.array([1, *bits, 0], np.uint8) * 255


def visit(visitor: Visitor, address: str, until: float, seen: Seen, new_photos: bool = False) -> None:
    """Ask again and again, with pauses as people make them, until the time is over."""
    headers = {"X-Forwarded-For": f"10.0.{visitor.number // 250}.{visitor.number % 250 + 1}"}
    with httpx.Client(base_url=address, headers=headers, timeout=300) as client:
        while time.monotonic() < until:
            photo = visitor.photo(new_photos)
            began, pause = time.monotonic(), visitor.random.uniform(0.5, 3)
            try:
                form = {"names": ", ".join(visitor.names), "k": "5"}
                reply = client.post("/api/v1/segment", data=form, files={"photo": ("photo.png", photo)})
                said = reply.json()
                with seen.lock:
                    if reply.status_code == 200:
                        seen.seconds.append(time.monotonic() - began)
                        if wrong := visitor.wrong(said):
                            seen.errors[wrong] += 1
                    elif reply.status_code in (429, 503) and len(str(said.get("error", "")).split()) > 3:
                        seen.refusals[said["error"]] += 1
                        pause += min(float(reply.headers.get("Retry-After", 1)), 10)
                    else:
                        seen.errors[f"{reply.status_code} {str(said)[:200]}"] += 1
            except (httpx.HTTPError, ValueError, KeyError) as error:
                with seen.lock:
                    seen.errors[f"{type(error).__name__}: {error}"] += 1
            time.sleep(pause)


def watch(address: str, began: float, until: float, seen: Seen) -> None:
    """Note the server's memory every few seconds."""
    while time.monotonic() < until:
        try:
            text = httpx.get(f"{address}/metrics", timeout=30).text
            value = next(float(line[len(MEMORY) :]) for line in text.splitlines() if line.startswith(MEMORY))
            seen.memory.append((time.monotonic() - began, value))
        except (httpx.HTTPError, StopIteration) as error:
            seen.errors[f"memory: {type(error).__name__}"] += 1
        time.sleep(5)


def report(seen: Seen, seconds: float) -> None:
    """Print it, with the memory after the first quarter, by which time all is loaded, and at the end."""
    times = sorted(seen.seconds)
    print(f"answers {len(times)}, {len(times) / seconds:.2f} a second; errors {seen.errors.total()}; ", end="")
    print(f"refusals {seen.refusals.total()}")
    if len(times) > 1:
        cut = statistics.quantiles(times, n=20, method="inclusive")
        print(f"p50 {statistics.median(times):.2f} s, p95 {cut[18]:.2f} s, longest {times[-1]:.2f} s")
    for kind, found in (("refused", seen.refusals), ("ERROR", seen.errors)):
        for text, count in found.most_common(10):
            print(f"{kind} {count} times: {text}")
    if len(seen.memory) > 3:
        warm = seen.memory[len(seen.memory) // 4 :]
        print("memory, MB:", " ".join(f"{at:.0f}s:{value / 1e6:.0f}" for at, value in seen.memory))
        print(f"memory from {warm[0][0]:.0f} s on: {warm[-1][1] / warm[0][1] - 1:+.1%}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address", help="of a server that is started with --behind-proxy 127.0.0.1")
    parser.add_argument("--visitors", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--new-photos", action="store_true", help="each asks about another photo each time")
    args = parser.parse_args()
    visitors = [Visitor(number) for number in range(args.visitors)]
    address, seen, began = args.address.rstrip("/"), Seen(), time.monotonic()
    until = began + 60 * args.minutes
    threads = [
        threading.Thread(target=visit, args=[visitor, address, until, seen, args.new_photos]) for visitor in visitors
    ]
    threads.append(threading.Thread(target=watch, args=[address, began, until, seen]))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    report(seen, time.monotonic() - began)
    return 1 if seen.errors or not seen.seconds else 0


if __name__ == "__main__":
    sys.exit(main())
