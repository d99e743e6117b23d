"""Co-segmentation block by block against the whole similarity matrix: seconds, memory, seeds.

    python benchmarks/cosegmentation.py [--images 50] [--grid 24] [--channels 384] [--repeats 3] [--json FILE]

The whole matrix is the plain way: A = F F^T, times the column weights, maximum per image, mean. The
authors' way is the same with a loop over images in which image i's maximum is taken over images i..2i
(an end index used as a length), which is part of what their code costs and why its seeds may be others. The product
alone is one triangle of A in float32, block by block, of which nothing is kept: less no float32 way can take. Each way
runs in a process of its own, so that its peak memory is its own, after a small example that loads the kernels; ways
take turns, and ratios are those of the medians of one run.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from reco_core.segmentation.cosegmentation import RELEASED_BYTES, cosegment
from reco_core.segmentation.rounding import products

AUTHORS, PRODUCT = "authors' way", "product alone"
WAYS = (AUTHORS, "whole matrix", PRODUCT, "float32", "bfloat16", "int8")
BLOCK = 3  # images at a time of the product alone


def example(images: int, positions: int, channels: int) -> tuple[Tensor, Tensor]:
    """Random features with a part that all images share and one per image; random weights."""
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(images, positions, channels, generator=generator)
    features += torch.randn(images, 1, channels, generator=generator) + torch.randn(channels, generator=generator)
    features /= features.norm(dim=-1, keepdim=True)  # in place: its peak is not to hide another's
    return features, 0.1 + 0.5 * torch.rand(images, positions, generator=generator)


def whole_matrix(features: Tensor, weights: Tensor) -> Tensor:
    k, n, channels = features.shape
    flat = features.view(-1, channels)
    similarity = (flat @ flat.T) * weights.view(1, -1)
    return similarity.view(k, n, k, n).amax(-1).mean(-1).argmax(-1)


def authors_way(features: Tensor, weights: Tensor) -> Tensor:
    k, n, channels = features.shape
    flat = features.view(-1, channels)
    similarity = (flat @ flat.T) * weights.view(1, -1)
    maxima = [similarity[:, i * n : min(2 * i + 1, k) * n].amax(-1) for i in range(k)]
    return torch.stack(maxima).mean(0).view(k, n).argmax(-1)


def product_alone(features: Tensor) -> Tensor:
    k, _, channels = features.shape
    torch.empty(RELEASED_BYTES, dtype=torch.uint8)  # as `image_maxima` does
    for i in range(k):
        for start in range(i, k, BLOCK):
            products(features[start : start + BLOCK].reshape(-1, channels), features[i])
    return torch.zeros(k, dtype=torch.int64)


def find_seeds(way: str, features: Tensor, weights: Tensor) -> Tensor:
    if way == "whole matrix":
        return whole_matrix(features, weights)
    if way == AUTHORS:
        return authors_way(features, weights)
    if way == PRODUCT:
        return product_alone(features)
    return cosegment(features, weights, precision=getattr(torch, way)).seeds


def run_one(way: str, images: int, positions: int, channels: int) -> dict:
    find_seeds(way, *example(3, positions, channels))
    features, weights = example(images, positions, channels)
    before = peak()
    started = time.perf_counter()
    seeds = find_seeds(way, features, weights)
    return {"seconds": time.perf_counter() - started, "before": before, "peak": peak(), "seeds": seeds.tolist()}


def peak() -> float:
    """Largest resident memory of this process so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=50)
    parser.add_argument("--grid", type=int, default=24)
    parser.add_argument("--channels", type=int, default=384)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--json", type=Path, help="write all runs to this file")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.way:
        sys.stdout.write(json.dumps(run_one(args.way, args.images, args.grid**2, args.channels)))
        return
    runs: dict[str, list[dict]] = {way: [] for way in args.ways}
    for _ in range(args.repeats):
        for way, done in runs.items():
            sizes = [f"--{key}={getattr(args, key)}" for key in ("images", "grid", "channels")]
            command = [sys.executable, __file__, "--way", way, *sizes]
            done.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    if args.json:
        args.json.write_text(json.dumps(runs) + "\n", encoding="utf-8")
    print(f"k = {args.images}, {args.grid} x {args.grid} x {args.channels}, {torch.get_num_threads()} threads")
    print(f"| way | seconds (min, median, max) | {args.ways[0]} takes | MB over what was there | seeds |")
    print("|---|---|---|---|---|")
    base, wanted = runs[args.ways[0]], runs.get("whole matrix")
    for way, done in runs.items():
        seconds = sorted(run["seconds"] for run in done)
        times = statistics.median(run["seconds"] for run in base) / statistics.median(seconds)
        memory = statistics.median(run["peak"] - run["before"] for run in done)
        same = "" if wanted is None or way == PRODUCT else alike(done, wanted[0])
        print(
            f"| {way} | {seconds[0]:.2f}, {statistics.median(seconds):.2f}, {seconds[-1]:.2f} | {times:.1f} times | "
            f"{memory:.0f} (of {done[0]['before']:.0f}) | {same} |"
        )


def alike(done: list[dict], wanted: dict) -> str:
    """Whether all runs have the seeds of the whole matrix."""
    return "the same" if all(run["seeds"] == wanted["seeds"] for run in done) else "others"


if __name__ == "__main__":
    main()
