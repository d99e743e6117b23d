"""How long a large archive takes to open, to find 50 photos with their credits, and what it needs.

python benchmarks/opening.py [--count 1000000] [--dimension 768] [--folder FOLDER]

The archive is made up: random vectors (search by inverted lists is another benchmark's, vectors.py), credits like the
bundled archive's, no dense features. Opening is timed in a process of its own, from the folder to an `Archive` that
answers; files are in the system's cache.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from reco_core.archives.archive import Archive
from reco_core.archives.arrays import write_array
from reco_core.archives.manifest import Manifest, changing, commit, name_by_contents
from reco_core.archives.writer import Compression, assemble
from reco_core.utils.paths import bundled_folder

BLOCK = 10_000
OPEN = """
import sys, time, torch
from pathlib import Path
from reco_core.archives.archive import Archive
def anonymous():
    return next(int(l.split()[1]) for l in open("/proc/self/status") if l.startswith("RssAnon")) / 1024
before, began = anonymous(), time.perf_counter()
archive = Archive(Path(sys.argv[1]))
opened = time.perf_counter() - began
query = torch.nn.functional.normalize(torch.ones(archive.manifest.dimension), dim=0)
began = time.perf_counter()
found = archive.search(query, 50, frozenset({"none"}))
records = [archive.records[row] for row in found.rows]
print(f"opened in {opened:.3f} s; first search with 50 records {time.perf_counter() - began:.3f} s; "
      f"{anonymous() - before:.0f} MB of memory that is not mapped")
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--dimension", type=int, default=768)
    parser.add_argument("--folder", type=Path, help="for 5 KB a vector, deleted afterwards")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        folder, chance = Path(name), np.random.default_rng(0)
        known = list(Archive(bundled_folder() / "archives" / "mini").records)
        records = [replace(known[i % len(known)], file=f"{i:09d}.jpg") for i in range(args.count)]

        def vectors():
            for start in range(0, args.count, BLOCK):
                block = chance.standard_normal((min(BLOCK, args.count - start), args.dimension), np.float32)
                yield block / np.linalg.norm(block, axis=1, keepdims=True)

        flat = np.load(write_array(vectors(), args.count, folder / "flat.npy"), mmap_mode="r")
        began = time.perf_counter()
        with changing(folder / "archive") as work:
            hashes = chance.integers(1, 2**63, args.count).astype(np.uint64)
            part, new = assemble(work, records, hashes, flat, {}, Compression("none", {}, "fp16"))
            moments = {
                f"{of}.{what}": torch.zeros(args.dimension, *extra)
                for of in ("photos", "positions")
                for what, extra in (("mean", ()), ("covariance", (1,)))
            }
            (work / "typical.safetensors").write_bytes(save(moments))
            typical = name_by_contents({"typical": work / "typical.safetensors"})["typical"]
            new[typical.path.name] = typical
            shared = {"typical": typical.path.name}
            manifest = Manifest("mini", "0" * 64, args.dimension, (14, 14), (14, 14), (part,), shared, {})
            commit(folder / "archive", manifest, new)
        size = sum(file.stat().st_size for file in (folder / "archive").iterdir())
        print(
            f"{args.count:,} x {args.dimension}: written in {time.perf_counter() - began:.0f} s, {size / 1e6:,.0f} MB, "
            f"of which credits {new[part.files['photos']].known.bytes / args.count:.0f} bytes a photo"
        )
        for _ in range(3):
            subprocess.run([sys.executable, "-c", OPEN, str(folder / "archive")], check=True, cwd=bundled_folder())


if __name__ == "__main__":
    main()
