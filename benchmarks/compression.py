"""What compressing dense features costs: references and masks against features that were never stored.

python benchmarks/compression.py PHOTOS --out FOLDER [--labelled FOLDER] [--limit 100] [--names 60]

Builds three archives of the same photos with mini (or goes on with those in --out): "none" stores no dense features,
so that they are computed from the photos in full precision; "fine" and "compact" store them. Printed, for reco and for
reco2: the cosine of every name's reference with that from uncompressed features, how many seeds stay where they
were, bytes a photo, and mIoU on labelled photos (voc_objects), all names and methods in one run.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import json
import logging
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from reco_core.archives.archive import Archive
from reco_core.archives.codecs import DENSE
from reco_core.archives.manifest import MANIFEST
from reco_core.archives.writer import Options, write_archive
from reco_core.cli.progress_log import ProgressLog
from reco_core.datasets.folder import open_folder
from reco_core.evaluation import bench, tables
from reco_core.evaluation.variants import of_methods
from reco_core.models.encoders import Encoder, load_encoder
from reco_core.photo_sources.factory import open_source
from reco_core.pipeline import ReCo
from reco_core.presets import MINI
from reco_core.utils.known_words import mini_names

METHODS = ("reco", "reco2")
RARE = ("fire extinguisher", "cow", "person", "grass", "wall", "chair", "bottle", "sheep", "boat", "road")


def build(encoder: Encoder, args: argparse.Namespace) -> dict[str, ReCo]:
    """A ReCo for each way to store dense features."""
    out = {}
    for dense in DENSE:
        folder = args.out / dense
        if not (folder / MANIFEST).exists():
            with open_source(args.photos) as source:
                write_archive(folder, source, encoder, Options(dense), control=ProgressLog())
        out[dense] = ReCo(encoder, Archive(folder), photos=args.photos)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="folder for the archives")
    parser.add_argument("--labelled", type=Path, help="images/*.jpg, labels/*.png, meta.json")
    parser.add_argument("--limit", type=int, help="only the first labelled photos")
    parser.add_argument("--names", type=int, default=60)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    encoder = load_encoder(MINI, "cpu")
    recos = build(encoder, args)
    known = mini_names()
    spread = [known[i] for i in np.linspace(0, len(known) - 1, args.names - len(RARE)).astype(int)]
    names = tuple(dict.fromkeys((*spread, *RARE)))
    report: dict[str, dict] = {}
    for method in METHODS:
        concepts = {
            dense: reco.prepare(names, method=method, background=(), most=255).concepts for dense, reco in recos.items()
        }
        for dense in ("fine", "compact"):
            pairs = list(zip(concepts["none"], concepts[dense], strict=True))
            cosines = np.array([float(torch.cosine_similarity(a.reference, b.reference, dim=0)) for a, b in pairs])
            seeds = [x.seed == y.seed for a, b in pairs for x, y in zip(a.exemplars, b.exemplars, strict=True)]
            codes = recos[dense].archive.parts[0].codes.values()
            report[f"{dense}, {method}"] = {
                "bytes a photo": sum(int(np.prod(c.shape[1:])) for c in codes),
                "names": len(names),
                "least cosine": cosines.min(),
                "5 %": np.quantile(cosines, 0.05),
                "median": np.median(cosines),
                "share of at least 0.99": (cosines >= 0.99).mean(),
                "same seeds": np.mean(seeds),
            }
    for protocol in ("", "objects_only") if args.labelled else ():
        for dense, reco in recos.items():
            result = bench.run(reco, open_folder(args.labelled, protocol), of_methods(METHODS), limit=args.limit)
            print(dense, tables.table(result), sep="\n", flush=True)
    for name, row in report.items():
        print(name, {what: round(float(value), 4) for what, value in row.items()})
    if args.json:
        args.json.write_text(json.dumps(report, indent=1, default=float) + "\n")


if __name__ == "__main__":
    main()
