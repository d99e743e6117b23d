"""How long a user waits, and how much memory the server takes.

    python benchmarks/latency.py [--threads 2] [--repeats 5]

New concepts are words that are neither stored nor cached; the photo is 640 x 480; five known concepts
and the default background words compete. Methods take turns; their times over reco2's are medians of each turn's ratio.
Discovery learns its names anew each time. All in one process, medians of one run.
"""

import argparse
import resource
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import skimage.data
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from reco_core.pipeline import ReCo
from reco_core.segmentation import crf
from reco_core.utils.byte_cache import ByteCache
from reco_core.zeroguidance.discovery import Discoverer

NEW = ("teapot", "sailboat", "strawberry", "bicycle", "elephant", "violin", "castle", "sandal", "spider", "helmet")
METHODS = ("reco", "reco2", "reco2_crf", *(() if crf.unavailable() else ("reco_crf",)))
KNOWN = ["person", "rocket", "flag", "helmet", "astronaut"]


def seconds(task) -> float:
    started = time.perf_counter()
    task()
    return time.perf_counter() - started


def show(what: str, times: list[float]) -> None:
    print(f"| {what} | {min(times):.3f} | {statistics.median(times):.3f} | {max(times):.3f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    photo = np.asarray(Image.fromarray(skimage.data.astronaut()).resize((640, 480)))
    print("| what | min s | median s | max s |\n|---|---|---|---|")
    started = time.perf_counter()
    reco = ReCo.load(device="cpu")
    reco.encoded = ByteCache(0)  # every photo is new
    show("load models and archive", [time.perf_counter() - started])
    show("first concept after loading", [seconds(lambda: reco.prepare(["cat"]))])
    show("a new concept, k = 20", [seconds(lambda w=w: reco.prepare([w], background=())) for w in NEW])
    show("a new concept, k = 50", [seconds(lambda w=w: reco.prepare([w], k=50, background=())) for w in NEW[:3]])
    references = {m: reco.prepare(KNOWN, method=m) for m in METHODS}
    show("five known concepts again", [seconds(lambda: reco.prepare(KNOWN)) for _ in range(args.repeats)])
    turns = [
        {m: seconds(lambda m=m, r=known: reco.segment(photo, r, method=m)) for m, known in references.items()}
        for _ in range(args.repeats)
    ]
    for method in references:
        ratio = statistics.median(turn[method] / turn["reco2"] for turn in turns)
        show(f"640 x 480 photo, 5 concepts, {method} ({ratio:.2f} of reco2)", [turn[method] for turn in turns])
    discoverer = Discoverer(ReCo(reco.encoder, reco.archive))
    readings = []
    for _ in range(args.repeats):
        discoverer.reco = ReCo(reco.encoder, reco.archive)  # with an empty cache of names
        readings.append(seconds(lambda: discoverer.discover(photo)))
    show(f"640 x 480 photo, discovery, {len(discoverer.vocabulary.names):,} words", readings)
    reading = discoverer.read(photo)
    show(
        "the same photo again, other parts",
        [seconds(lambda n=n: discoverer.divide(reading, n)) for n in (4, 8, 12, 16, 20)],
    )
    image = torch.zeros(1, 3, 448, 448)
    show("network alone, 448 x 448", [seconds(lambda: reco.encoder.encode(image)) for _ in range(args.repeats)])
    print(
        f"\n{torch.get_num_threads()} threads; largest resident memory of this process "
        f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB"
    )


if __name__ == "__main__":
    main()
