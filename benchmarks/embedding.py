"""How fast photos go into an archive, against the bare model, and how memory goes.

python benchmarks/embedding.py PHOTOS [--limit 1600] [--rounds 3]

The bare loop gives the model batches that were decoded, cropped and normalised before its clock starts; `embed` reads
and decodes the same photos while the model works, hashes them and checks sizes. Both in turns, in one process. Then
a whole build, compression included ("fine"), with the process's memory on the way.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from reco_core.archives.embedding import BATCH, embed
from reco_core.archives.writer import write_archive
from reco_core.models.encoders import load_encoder
from reco_core.photo_sources.factory import open_source
from reco_core.photo_sources.source import Files
from reco_core.presets import MINI
from reco_core.utils.images import read_photo
from reco_core.utils.run_control import RunControl


def megabytes() -> float:
    """Resident memory now that is not mapped from files."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--limit", type=int, default=1600)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    encoder = load_encoder(MINI, "cpu")
    with open_source(args.photos) as everything:
        records = everything.records[:: max(1, len(everything.records) // args.limit)][: args.limit]
    source = Files(args.photos, [(record, args.photos / record.file) for record in records])
    starts = range(0, len(records), BATCH)
    bare, ours = [], []
    for turn in range(args.rounds):
        spent = processor = 0.0
        for start in starts:
            photos = [read_photo(source.read(i)) for i in range(start, min(start + BATCH, len(records)))]
            crops = torch.stack([encoder.crops(photo)[0] for photo in photos])
            began, used = time.perf_counter(), time.process_time()
            encoder.encode(crops)
            spent, processor = spent + time.perf_counter() - began, processor + time.process_time() - used
        bare.append(len(records) / spent)
        began, used = time.perf_counter(), time.process_time()
        for _ in embed(source, encoder, starts):
            pass
        ours.append(len(records) / (time.perf_counter() - began))
        print(
            f"turn {turn + 1}: bare model {bare[-1]:.1f}, embed {ours[-1]:.1f} photos/s, ratio "
            f"{ours[-1] / bare[-1]:.2f}; by processor seconds {processor / (time.process_time() - used):.2f}"
        )
    ratios = [a / b for a, b in zip(ours, bare, strict=True)]
    print(f"median ratio {statistics.median(ratios):.2f} of {args.rounds} turns, {len(records)} photos")
    memory: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        control = RunControl(lambda stage, done, total: memory.append(megabytes()))
        write_archive(Path(folder) / "a", source, encoder, control=control)
        spent = time.perf_counter() - began
    tenths = [memory[len(memory) * i // 10] for i in range(1, 10)] + [memory[-1]]
    print(f"whole build: {len(records) / spent:.1f} photos/s; memory at each tenth, MB:", *(f"{m:.0f}" for m in tenths))


if __name__ == "__main__":
    main()
