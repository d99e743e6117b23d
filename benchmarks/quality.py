"""Quality against latency: methods and input sizes on one labelled folder, as a table and a plot.

    python benchmarks/quality.py FOLDER [--limit 150] [--plot docs/quality.png]

Every point is one method at one input size (the short side of the photo for the network): mean IoU,
and mean seconds per photo with known concepts, network included, in one process. `+flip` averages
what the network says of the photo and of its mirror image.
"""

import argparse
import sys
from dataclasses import fields
from pathlib import Path

import matplotlib
import numpy as np
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from reco_core.datasets.folder import open_folder
from reco_core.evaluation import bench
from reco_core.evaluation.variants import of_methods
from reco_core.models.mini_encoder import MiniEncoder
from reco_core.pipeline import ReCo
from reco_core.types import Encoded

METHODS = ("denseclip", "reco", "reco2")
SIDES = (224, 336, 448)


class Flipping(MiniEncoder):
    """The mean of what an encoder says of a photo and of its mirror image."""

    def encode_photo(self, photo: np.ndarray) -> Encoded:
        seen = super().encode_photo(photo)
        mirrored = super().encode_photo(np.ascontiguousarray(photo[:, ::-1]))
        return Encoded(
            F.normalize(seen.embedding + mirrored.embedding, dim=-1),
            F.normalize(seen.language + mirrored.language.flip(2), dim=-1),
            F.normalize(seen.features + mirrored.features.flip(2), dim=-1),
        )


def at_side(reco: ReCo, side: int, flip: bool) -> ReCo:
    """The same models and archive, reading photos at another size."""
    encoder = reco.encoder.at_side(side)
    if flip:
        encoder = Flipping(**{field.name: getattr(encoder, field.name) for field in fields(encoder)})
    return ReCo(encoder, reco.archive)


def plot(points: dict[str, list[tuple[float, float, str]]], title: str, file: Path) -> None:
    """points: curve -> (seconds, mIoU, label)."""
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.5), dpi=110)
    for name, curve in points.items():
        seconds, quality, _ = zip(*curve, strict=True)
        axes.plot(seconds, quality, marker="o", label=name)
        for x, y, label in curve:
            axes.annotate(label, (x, y), xytext=(4, 5), textcoords="offset points", fontsize=8)
    axes.set_xscale("log")
    axes.set_xlabel("seconds per photo, 2 CPU cores")
    axes.set_ylabel("mIoU, per cent")
    axes.set_title(title, fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, default=150)
    parser.add_argument("--plot", type=Path)
    args = parser.parse_args()
    reco, data = ReCo.load(device="cpu"), open_folder(args.folder)
    points: dict[str, list[tuple[float, float, str]]] = {}
    print("| method | short side | mIoU | s / photo |\n|---|---|---|---|")
    for side, flip in [(side, False) for side in SIDES] + [(336, True)]:
        report = bench.run(at_side(reco, side, flip), data, of_methods(METHODS), limit=args.limit)
        for name, row in report["methods"].items():
            curve = f"{name}+flip" if flip else name
            print(f"| {curve} | {side} | {100 * row['miou']:.1f} | {row['seconds_per_photo']:.2f} |", flush=True)
            points.setdefault(curve, []).append((row["seconds_per_photo"], 100 * row["miou"], str(side)))
    if args.plot:
        plot(
            points, f"{args.folder.name}, {report['settings']['protocol']}, first {report['photos']} photos", args.plot
        )


if __name__ == "__main__":
    main()
