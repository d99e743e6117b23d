"""Embeddings on disk and their search against plain FAISS: seconds, bytes, memory, recall@50.

    python benchmarks/vectors.py [--count 1000000] [--dimension 768] [--folder FOLDER] [--json FILE]

The vectors are a mixture made from seed 0, with the shape of real embeddings (the bundled archive's: 43 effective
dimensions of 384, mean vector of norm 0.25):
    vector      mean + sqrt(1/2) centre + sqrt(1/2) noise, rotated at random, norm 1
    centres     one per 500 vectors, drawn like the noise; the c-th is used in proportion to 1 / (c + 10)
    noise       Gaussian, variance of the i-th of D axes in proportion to (i + 1)^-0.7 exp(-6 i / D), in all 1
    mean        a random direction, norm 0.3
Queries are no vectors of the archive. Half are new draws, as photos would be. Half are like texts: 0.4 centre +
0.4 noise + 0.8 white noise of variance 1 in all, and a second mean of norm 0.3 added, the gap between the two kinds.

`ours` is reco_core.archives.vectors with inverted lists forced. `plain` is FAISS itself on the same vectors, all in
memory: IndexFlatIP, and IndexRefineFlat over an IndexIVFPQ of the same lists, bytes, probes, shortlist and training.
Recall is against float32 inner products. Every row of the table is from processes of its own, which take turns;
queries are asked one at a time, times are medians (and quantiles) over all queries of all turns, the files are in the
system's cache. FAISS's own threads wait for one another passively, else other work on the machine slows them most.
Memory is what the reader has resident at the end beyond what it had before it opened the files: in all, and without
the pages of mapped files, which the system may take back. Needs 14 bytes of disk per channel of each vector.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import faiss
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from reco_core.archives.vectors import HELD_OUT, PER_RESULT, SEED, SHORTLIST, TOP, TRAINING, Vectors, write_vectors

BLOCK = 50_000
JOBS = ("make", "build ours", "build plain", "ours exact", "plain exact", "ours ivf", "plain ivf")
TIMED = 50  # queries of the exact searches, which are timed alone


class Mixture:
    def __init__(self, count: int, dimension: int) -> None:
        rng = np.random.default_rng(SEED)
        axes = np.arange(dimension)
        variance = (axes + 1) ** -0.7 * np.exp(-6 * axes / dimension)
        self.rotation = np.linalg.qr(rng.standard_normal((dimension, dimension)))[0].astype(np.float32)
        self.deviation = np.sqrt(variance / variance.sum()).astype(np.float32)
        self.centres = rng.standard_normal((max(16, count // 500), dimension), dtype=np.float32) * self.deviation
        share = 1 / (np.arange(len(self.centres)) + 10)
        self.share = share / share.sum()
        means = rng.standard_normal((2, dimension), dtype=np.float32)
        self.mean, self.gap = 0.3 * means / np.linalg.norm(means, axis=1, keepdims=True)

    def draw(self, count: int, key: list[int], text: bool = False) -> np.ndarray:
        """Vectors (count, D), float32, norm 1, determined by the key."""
        rng = np.random.default_rng(key)
        centres = self.centres[rng.choice(len(self.share), count, p=self.share)]
        noise = rng.standard_normal(centres.shape, dtype=np.float32) * self.deviation
        if text:
            white = rng.standard_normal(centres.shape, dtype=np.float32) / np.float32(centres.shape[1] ** 0.5)
            vectors = (0.4 * centres + 0.4 * noise + 0.8 * white) @ self.rotation + self.mean + self.gap
        else:
            vectors = np.float32(0.5**0.5) * (centres + noise) @ self.rotation + self.mean
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def make(folder: Path, count: int, dimension: int, queries: int) -> dict:
    """Vectors, queries and the 50 nearest of each by float32 products."""
    mixture = Mixture(count, dimension)
    asked = np.concatenate([mixture.draw(queries // 2, [1]), mixture.draw(queries - queries // 2, [2], text=True)])
    vectors = np.lib.format.open_memmap(folder / "vectors.npy", "w+", np.float32, (count, dimension))
    best = np.full((queries, TOP), -np.inf, np.float32), np.full((queries, TOP), -1)
    for start in range(0, count, BLOCK):
        block = mixture.draw(min(BLOCK, count - start), [0, start])
        vectors[start : start + len(block)] = block
        similarity = np.hstack([best[0], asked @ block.T])
        rows = np.hstack([best[1], np.broadcast_to(np.arange(start, start + len(block)), (queries, len(block)))])
        order = np.argpartition(-similarity, TOP, axis=1)[:, :TOP]
        best = np.take_along_axis(similarity, order, 1), np.take_along_axis(rows, order, 1)
    vectors.flush()
    np.savez(folder / "queries.npz", queries=asked, nearest=best[1])
    return {}


def build_ours(folder: Path) -> dict:
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    started = time.perf_counter()
    exact = write_vectors(vectors, folder, exact_up_to=len(vectors)).files["embeddings"]
    between = time.perf_counter()
    written = write_vectors(vectors, folder, exact_up_to=0)
    seconds = between - started, time.perf_counter() - between
    ivf = written.files["ivf"]
    lists: Any = faiss.read_index(str(ivf), faiss.IO_FLAG_MMAP)
    return {
        "exact": {"build_seconds": seconds[0], "bytes": exact.stat().st_size},
        "ivf": {"build_seconds": seconds[1], "bytes": exact.stat().st_size + ivf.stat().st_size},
        "recall_at_build": written.recall,
        "lists": {"number": lists.nlist, "bytes_per_vector": lists.pq.M, "probed": lists.nprobe},
    }


def build_plain(folder: Path) -> dict:
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    ours: Any = faiss.read_index(str(folder / "ivf.faiss"), faiss.IO_FLAG_MMAP)
    started = time.perf_counter()
    flat = faiss.IndexFlatIP(vectors.shape[1])
    for start in range(0, len(vectors), BLOCK):
        flat.add(np.ascontiguousarray(vectors[start : start + BLOCK]))
    faiss.write_index(flat, str(folder / "plain_exact.faiss"))
    between = time.perf_counter()
    del flat
    coarse = faiss.IndexFlatIP(vectors.shape[1])
    base = faiss.IndexIVFPQ(coarse, vectors.shape[1], ours.nlist, ours.pq.M, 8, faiss.METRIC_INNER_PRODUCT)
    base.cp.spherical, base.nprobe = False, ours.nprobe
    rows = np.random.default_rng(SEED).permutation(len(vectors))[HELD_OUT:][: max(TRAINING * ours.nlist, 65_536)]
    base.train(np.ascontiguousarray(vectors[np.sort(rows)]))
    index = faiss.IndexRefineFlat(base)
    index.k_factor = max(SHORTLIST / TOP, PER_RESULT)
    for start in range(0, len(vectors), BLOCK):
        index.add(np.ascontiguousarray(vectors[start : start + BLOCK]))
    faiss.write_index(index, str(folder / "plain_ivf.faiss"))
    seconds = between - started, time.perf_counter() - between
    return {
        kind: {"build_seconds": spent, "bytes": (folder / f"plain_{kind}.faiss").stat().st_size}
        for kind, spent in zip(("exact", "ivf"), seconds, strict=True)
    }


def search(folder: Path, who: str, kind: str) -> dict:
    stored = np.load(folder / "queries.npz")
    queries, nearest = stored["queries"], stored["nearest"]
    before = resident()
    started = time.perf_counter()
    opened: Any
    if who == "ours":
        opened = Vectors(folder / "embeddings.faiss", folder / "ivf.faiss" if kind == "ivf" else None)
    else:
        opened = faiss.read_index(str(folder / f"plain_{kind}.faiss"))
    seconds = time.perf_counter() - started

    def ask(query: np.ndarray) -> np.ndarray:
        return opened.search(query, TOP)[1] if who == "ours" else opened.search(query[None], TOP)[1][0]

    timed = np.linspace(0, len(queries) - 1, TIMED if kind == "exact" else len(queries)).astype(int)
    started = time.perf_counter()
    ask(queries[0])
    first = time.perf_counter() - started
    times, shares = [], []
    for number in timed:
        started = time.perf_counter()
        found = ask(queries[number])
        times.append(time.perf_counter() - started)
        shares.append(float(np.isin(nearest[number], found).mean()))
    half = int((timed < len(queries) // 2).sum())
    after = resident()
    return {
        "open_seconds": seconds,
        "first_seconds": first,
        "seconds": times,
        "recall": statistics.mean(shares),
        "recall_photos": statistics.mean(shares[:half]),
        "recall_texts": statistics.mean(shares[half:]),
        "resident_mb": after["VmRSS"] - before["VmRSS"],
        "resident_without_files_mb": after["RssAnon"] - before["RssAnon"],
    }


def resident() -> dict[str, float]:
    """Resident memory of this process, MB, by the kernel's name for it."""
    lines = (line.split() for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines())
    return {line[0][:-1]: int(line[1]) / 1024 for line in lines if line[0][:-1] in ("VmRSS", "RssAnon")}


def run(job: str, args: argparse.Namespace, folder: Path) -> dict:
    if job == "make":
        return make(folder, args.count, args.dimension, args.queries)
    if job.startswith("build"):
        return build_ours(folder) if job == "build ours" else build_plain(folder)
    return search(folder, *job.split())


def run_alone(job: str, args: argparse.Namespace, folder: Path) -> dict:
    """Run a job in a process of its own."""
    given = [f"--{name}={getattr(args, name)}" for name in ("count", "dimension", "queries")]
    command = [sys.executable, __file__, "--job", job, "--folder", str(folder), *given]
    started = time.perf_counter()
    environment = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ}
    done = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout)
    sys.stderr.write(f"{job}: {time.perf_counter() - started:.0f} s\n")
    return done


def measure(args: argparse.Namespace, folder: Path) -> dict:
    run_alone("make", args, folder)
    built = {who: run_alone(f"build {who}", args, folder) for who in ("ours", "plain")}
    turns: dict[str, list[dict]] = {job: [] for job in JOBS[3:]}
    for _ in range(args.repeats):
        for job, done in turns.items():
            done.append(run_alone(job, args, folder))
    searched = {}
    for job, done in turns.items():
        who, kind = job.split()
        times = [seconds for turn in done for seconds in turn.pop("seconds")]
        middle = {name: statistics.median(turn[name] for turn in done) for name in done[0]}
        quantiles = {
            "query_seconds": statistics.median(times),
            "query_seconds_5": float(np.quantile(times, 0.05)),
            "query_seconds_95": float(np.quantile(times, 0.95)),
        }
        searched[job] = {**built[who].pop(kind), **quantiles, **middle}
    machine = {
        "cpus": os.cpu_count(),
        "processor": platform.machine(),
        "threads": faiss.omp_get_max_threads(),
        "faiss": faiss.__version__,
        "load": os.getloadavg()[0],
    }
    sizes = {name: getattr(args, name) for name in ("count", "dimension", "queries", "repeats")}
    ratios = {
        f"{kind} {of}": searched[f"ours {kind}"][of] / searched[f"plain {kind}"][of]
        for kind in ("exact", "ivf")
        for of in ("query_seconds", "query_seconds_5")
    }
    return {"sizes": sizes, "machine": machine, **built["ours"], "searches": searched, "ours_to_plain": ratios}


def show(report: dict) -> None:
    print(json.dumps({key: value for key, value in report.items() if key != "searches"}))
    print(
        "| | build s | disk MB | open ms | first ms | query ms (5, 95 %) | recall@50 (photos, texts) | MB (anonymous) |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name, row in report["searches"].items():
        cells = (
            name,
            f"{row['build_seconds']:.0f}",
            f"{row['bytes'] / 1e6:.0f}",
            f"{row['open_seconds'] * 1e3:.1f}",
            f"{row['first_seconds'] * 1e3:.1f}",
            "{:.1f} ({:.1f}, {:.1f})".format(*(row[f"query_seconds{of}"] * 1e3 for of in ("", "_5", "_95"))),
            f"{row['recall']:.4f} ({row['recall_photos']:.4f}, {row['recall_texts']:.4f})",
            f"{row['resident_mb']:.0f} ({row['resident_without_files_mb']:.0f})",
        )
        print(f"| {' | '.join(cells)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--dimension", type=int, default=768)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="for the files, which are deleted (default: a temporary one)")
    parser.add_argument("--json", type=Path, help="write the report to this file")
    parser.add_argument("--job", choices=JOBS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.job:
        sys.stdout.write(json.dumps(run(args.job, args, args.folder)))
        return
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        report = measure(args, Path(folder))
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    show(report)


if __name__ == "__main__":
    main()
