"""Co-segmentation block by block against the whole similarity matrix: seconds, memory, seeds.

    python benchmarks/cosegmentation.py [--images 50] [--grid 24] [--channels 384] [--repeats 3]

The whole matrix is the plain way: A = F F^T, times the column weights, maximum per image, mean. The
authors' way is the same with a loop over images in which image i's maximum is taken over images i..2i
(an end index used as a length), which is part of what their code costs. Each way runs in a process of
its own, so that its peak memory is its own, after a small example that loads the kernels; ways take
turns, and ratios are those of the medians of one run.
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
import torch.nn.functional as F
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from reco_core.segmentation.cosegmentation import cosegment

WAYS = ("authors' way", "whole matrix", "float32", "bfloat16")


def example(images: int, positions: int, channels: int) -> tuple[Tensor, Tensor]:
    """Random features with a part that all images share and one per image; random weights."""
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(images, positions, channels, generator=generator)
    features += torch.randn(images, 1, channels, generator=generator) + torch.randn(channels, generator=generator)
    return F.normalize(features, dim=-1), 0.1 + 0.5 * torch.rand(images, positions, generator=generator)


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


def find_seeds(way: str, features: Tensor, weights: Tensor) -> Tensor:
    if way == "whole matrix":
        return whole_matrix(features, weights)
    if way == "authors' way":
        return authors_way(features, weights)
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
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.way:
        sys.stdout.write(json.dumps(run_one(args.way, args.images, args.grid**2, args.channels)))
        return
    runs: dict[str, list[dict]] = {way: [] for way in WAYS}
    for _ in range(args.repeats):
        for way, done in runs.items():
            command = [
                sys.executable,
                __file__,
                "--way",
                way,
                *(f"--{key}={getattr(args, key)}" for key in ("images", "grid", "channels")),
            ]
            done.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    base = statistics.median(run["seconds"] for run in runs["whole matrix"])
    print(f"k = {args.images}, {args.grid} x {args.grid} x {args.channels}, {torch.get_num_threads()} threads")
    print(
        "| way | seconds (min, median, max) | times faster than the whole matrix | process peak MB "
        "(before) | same seeds |"
    )
    print("|---|---|---|---|---|")
    for way, done in runs.items():
        seconds = sorted(run["seconds"] for run in done)
        middle = statistics.median(seconds)
        same = all(run["seeds"] == runs["whole matrix"][0]["seeds"] for run in done)
        memory = f"{max(run['peak'] for run in done):.0f} ({done[0]['before']:.0f})"
        print(
            f"| {way} | {seconds[0]:.2f}, {middle:.2f}, {seconds[-1]:.2f} | {base / middle:.1f} | {memory} | {same} |"
        )


if __name__ == "__main__":
    main()
