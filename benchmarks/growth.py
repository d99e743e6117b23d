"""How each thing grows: with names, with a photo's pixels, with an archive's photos, with visitors at once.

    python benchmarks/growth.py [--parts names photo archive] [--again names] [--most 100000]
    python benchmarks/growth_figure.py     # docs/performance.webp and the tables of docs/performance.md

Every point is written to benchmarks/results/growth.json as soon as it is measured; the same command goes on where it
was stopped. --again measures parts anew. Visitors take the whole machine for 3 minutes a point: ask for them by name.

names: a 640 x 480 photo, names that were learned before, and the background words. photo: a JPEG, five names. Both tell
what the parts cost: reading, the network, scores (reco2), refinement (what the default method adds); ways take turns,
medians of --repeats. archive: vectors like the bundled archive's (`vectors.Mixture`, 384 channels), searched for 50 by
a process of its own; files are in the system's cache. visitors: `visitors.py` against a server of this checkout.
"""

import argparse
import io
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import httpx
import numpy as np
import skimage.data
import torch
from PIL import Image

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]
from vectors import BLOCK, Mixture, resident
from visitors import Seen, Visitor, visit, watch

from reco_core.archives.vectors import Vectors, write_vectors
from reco_core.evaluation.settings import machine
from reco_core.pipeline import ReCo
from reco_core.presets import usual_method
from reco_core.utils.byte_cache import ByteCache
from reco_core.utils.images import read_photo, read_small
from reco_core.utils.paths import bundled_folder

FILE = HERE / "results" / "growth.json"
POINTS: dict[str, tuple[float, ...]] = {
    "names": (1, 2, 5, 10, 20, 50),
    "photo": (0.3, 0.75, 1.5, 3, 6, 12),
    "archive": (7_000, 30_000, 100_000, 300_000, 1_000_000),
    "visitors": (1, 5, 10, 20, 50),
}
UNASKED = ("names", "photo", "archive")
DIMENSION, QUERIES, FOUND = 384, 50, 50
NEW = ("teapot", "sailboat", "strawberry", "violin", "sandal")


def median(times: Iterable[float]) -> float:
    return round(statistics.median(times), 5)


def seconds(task: Callable[[], object]) -> float:
    began = time.perf_counter()
    task()
    return time.perf_counter() - began


class Answers:
    """What an answer costs, by its parts."""

    def __init__(self, repeats: int) -> None:
        self.reco, self.repeats = ReCo.load(device="cpu"), repeats
        self.reco.encoded = ByteCache(0)  # every photo is new
        self.usual = usual_method(self.reco.encoder.preset)
        listed = bundled_folder() / "assets" / "mini" / "names.txt"
        known = listed.read_text(encoding="utf-8").splitlines()[1000:]  # behind ImageNet's: everyday words
        self.words = [line.partition(",")[0] for line in known]

    def parts(self, photo: np.ndarray, names: list[str]) -> dict[str, float]:
        reco, spent = self.reco, []
        plain, whole = (reco.prepare(names, method=method) for method in ("reco2", self.usual))
        for turn in range(self.repeats + 1):
            encoded = reco.encode(photo)
            times = (
                seconds(lambda: reco.encode(photo)),
                seconds(lambda e=encoded: reco.segment(photo, plain, method="reco2", encoded=e)),
                seconds(lambda e=encoded: reco.segment(photo, whole, method=self.usual, encoded=e)),
            )
            if turn:  # the first one loads what is loaded once
                spent.append(times)
        network, scores, both = (median(times) for times in zip(*spent, strict=True))
        return {"network": network, "scores": scores, "refinement": round(max(0.0, both - scores), 5)}

    def names(self, count: float) -> dict[str, float]:
        photo = np.asarray(Image.fromarray(skimage.data.astronaut()).resize((640, 480)))
        fresh = ReCo(self.reco.encoder, self.reco.archive)
        fresh.prepare(["cat"])  # the background words
        learning = [seconds(lambda n=n: fresh.prepare([n], method=self.usual)) for n in NEW]
        return {**self.parts(photo, self.words[: int(count)]), "learning a new name": median(learning)}

    def photo(self, megapixels: float) -> dict[str, float]:
        data = jpeg(megapixels)
        side = self.reco.encoder.archive_side
        reading, small = (
            median(seconds(task) for _ in range(self.repeats))
            for task in (lambda: read_photo(data), lambda: read_small(data, side))
        )
        parts = self.parts(read_photo(data), self.words[:5])
        return {"reading": reading, **parts, "reading for an archive": small}


def jpeg(megapixels: float) -> bytes:
    """A photo of 4:3 with that many pixels, and noise as sensors have it, so that it costs what a photo costs."""
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    photo = Image.fromarray(skimage.data.astronaut()).resize((round(height * 4 / 3), height), Image.Resampling.BICUBIC)
    noise = np.random.default_rng(0).normal(0, 4, (photo.height, photo.width, 1)).astype(np.float32)
    out = io.BytesIO()
    Image.fromarray((np.asarray(photo) + noise).clip(0, 255).astype(np.uint8)).save(out, "JPEG", quality=90)
    return out.getvalue()


def archive(count: float) -> dict[str, float]:
    mixture, count = Mixture(int(count), DIMENSION), int(count)
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as name:
        folder = Path(name)
        vectors = np.lib.format.open_memmap(folder / "vectors.npy", "w+", np.float32, (count, DIMENSION))
        for start in range(0, count, BLOCK):
            vectors[start : start + BLOCK] = mixture.draw(min(BLOCK, count - start), [0, start])
        began = time.perf_counter()
        write_vectors(vectors, folder)
        built = time.perf_counter() - began
        np.save(folder / "queries.npy", mixture.draw(QUERIES, [2], text=True))
        command = [sys.executable, __file__, "--search", str(folder)]
        searched = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        size = sum((folder / f).stat().st_size for f in ("embeddings.faiss", "ivf.faiss") if (folder / f).exists())
    return {**searched, "building": round(built, 2), "megabytes on disk": round(size / 1e6, 1)}


def search(folder: Path) -> dict[str, float]:
    """In a process that does nothing else: its memory is what searching takes."""
    queries, lists = np.load(folder / "queries.npy"), folder / "ivf.faiss"
    before = resident()
    began = time.perf_counter()
    opened = Vectors(folder / "embeddings.faiss", lists if lists.exists() else None)
    spent = time.perf_counter() - began
    times = [seconds(lambda q=query: opened.search(q, FOUND)) for query in queries]
    memory = resident()["RssAnon"] - before["RssAnon"]
    return {"opening": round(spent, 5), "search": median(times[1:]), "megabytes not mapped": round(memory, 1)}


def visitors(count: float, minutes: float) -> dict[str, float]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = [sys.executable, str(HERE.parent / "app.py"), "--port", str(port), "--behind-proxy", "127.0.0.1"]
    address, seen = f"http://127.0.0.1:{port}", Seen()
    with subprocess.Popen(server, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        try:
            wait_for(address, running)
            visit(Visitor(999), address, time.monotonic() + 1, Seen())  # whoever comes first loads the models
            began = time.monotonic()
            until = began + 60 * minutes
            crowd = [
                threading.Thread(target=visit, args=[Visitor(number), address, until, seen])
                for number in range(int(count))
            ]
            crowd.append(threading.Thread(target=watch, args=[address, began, until, seen]))
            for person in crowd:
                person.start()
            for person in crowd:
                person.join()
            spent = time.monotonic() - began
        finally:
            running.terminate()
    times = sorted(seen.seconds)
    return {
        "answers a second": round(len(times) / spent, 3),
        "half within": median(times),
        "95 % within": round(float(np.quantile(times, 0.95)), 3),
        "refused": seen.refusals.total(),
        "failed": seen.errors.total(),
        "megabytes at the end": round(seen.memory[-1][1] / 1e6),
    }


def wait_for(address: str, running: subprocess.Popen) -> None:
    for _ in range(240):
        if running.poll() is not None:
            raise SystemExit("the server ended before it answered")
        try:
            if httpx.get(f"{address}/healthz", timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.5)
    raise SystemExit("the server did not answer within two minutes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=POINTS, default=UNASKED)
    parser.add_argument("--again", nargs="+", choices=POINTS, default=())
    parser.add_argument("--most", type=float, default=float("inf"), help="leave out larger points")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=3, help="of each number of visitors")
    parser.add_argument("--json", type=Path, default=FILE)
    parser.add_argument("--search", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.search:
        sys.stdout.write(json.dumps(search(args.search)))
        return
    known = json.loads(args.json.read_text(encoding="utf-8")) if args.json.exists() else {"parts": {}}
    for part in args.again:
        known["parts"].pop(part, None)
    known["machine"] = machine()
    answers: Answers | None = None
    for part in dict.fromkeys((*args.parts, *args.again)):
        done = known["parts"].setdefault(part, {})
        for point in POINTS[part]:
            if f"{point:g}" in done or point > args.most:
                continue
            if part in ("names", "photo"):
                answers = answers or Answers(args.repeats)
                measured = getattr(answers, part)(point)
            else:
                measured = archive(point) if part == "archive" else visitors(point, args.minutes)
            done[f"{point:g}"] = measured
            args.json.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
            print(
                f"{part} {point:,.7g}:", ", ".join(f"{what} {value:g}" for what, value in measured.items()), flush=True
            )
    print(f"{torch.get_num_threads()} threads; {args.json}")


if __name__ == "__main__":
    main()
