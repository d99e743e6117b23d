"""What each preset costs on this machine: seconds, memory, photos a second. No weights are needed.

    python benchmarks/presets.py [clip paper] [--device cuda] [--precision bfloat16] [--threads 2]

Files with random weights in the published files' names and layout are loaded as the real ones would be: speed and
memory do not depend on the values. Each preset runs in a process of its own, after another one has built its
archive of 60 crops of scikit-image's photos. A new concept includes its text and k exemplars from stored features;
context words are learned already, as they are beside every archive.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import skimage.data
import torch
from PIL import Image

from reco_core.archives.archive import Archive
from reco_core.archives.writer import write_archive
from reco_core.methods import CONTEXT_WORDS
from reco_core.models import clip_encoder, encoders, weights
from reco_core.photo_sources.factory import open_source
from reco_core.pipeline import ReCo
from reco_core.presets import PRESETS, Model, Preset
from reco_core.utils.byte_cache import ByteCache
from reco_core.utils.hashing import sha256

CROPS = 60
WORDS = ("teapot", "violin", "helmet")


def write_weights(preset: Preset, folder: Path) -> None:
    """Random weights under the published names: half precision for OpenAI's, full for the others."""
    torch.manual_seed(0)
    for part, model in zip(clip_encoder.untrained(preset).all, preset.models, strict=True):
        half = model.library == "open_clip"
        state = {key: value.half() if half else value for key, value in part.network.state_dict().items()}
        file = folder / weights.place(model.weights[0])
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == ".safetensors":
            from safetensors.torch import save_file

            save_file({key: value.contiguous() for key, value in state.items()}, file)
        else:
            torch.save(state, file)


def as_written(preset: Preset, folder: Path) -> Preset:
    """The preset, with the hashes of the files in the folder."""

    def known(model: Model) -> Model:
        first = model.weights[0]
        return replace(model, weights=(replace(first, sha256=sha256(folder / weights.place(first))),))

    models = {model: known(model) for model in preset.models}
    return replace(
        preset, retrieval=models[preset.retrieval], language=models[preset.language], features=models[preset.features]
    )


def write_photos(folder: Path) -> None:
    photos = [
        skimage.data.chelsea(),
        skimage.data.coffee(),
        skimage.data.astronaut(),
        skimage.data.rocket(),
        skimage.data.stereo_motorcycle()[0],
    ]
    random = np.random.default_rng(0)
    for i in range(CROPS):
        photo = photos[i % len(photos)]
        top, left = random.integers(0, 60, 2)
        Image.fromarray(photo[top : top + 240, left : left + 240]).save(folder / f"{i:02}.jpg")


def build(preset: Preset, folder: Path, args: argparse.Namespace) -> None:
    encoder = encoders.load_encoder(as_written(preset, folder), args.device, folder, precision=args.precision)
    pixels = [np.asarray(Image.open(file)) for file in sorted((folder / "photos").iterdir())]
    batch = pixels[:8] if encoder.device == "cpu" else pixels[:32]
    encoder.encode_archive(batch)
    spent = seconds(lambda: encoder.encode_archive(batch), encoder.device)
    print(f"| {preset.name} | embedding photos for an archive | {len(batch) / spent:.2f} photos/s |")
    write_archive(folder / "archive", open_source(folder / "photos"), encoder)
    ReCo(encoder, Archive(folder / "archive")).store(CONTEXT_WORDS)


def use(preset: Preset, folder: Path, args: argparse.Namespace) -> None:
    started = time.perf_counter()
    reco = ReCo.load(
        as_written(preset, folder),
        archive=folder / "archive",
        device=args.device,
        weights=folder,
        precision=args.precision,
    )
    device = reco.encoder.device

    def show(what: str, figure: str) -> None:
        print(f"| {preset.name} | {what} | {figure} |")

    show("load and verify models and archive", f"{time.perf_counter() - started:.1f} s")
    spent = [seconds(lambda w=w: reco.prepare([w], background=(), method=preset.method), device) for w in WORDS]
    show(f"a new concept, k = {preset.k}", f"{statistics.median(spent):.2f} s")
    show("largest memory so far", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")
    photo = np.asarray(Image.fromarray(skimage.data.astronaut()).resize((640, 480)))
    references = reco.prepare(list(WORDS), background=("tree", "sky"), method=preset.method)
    reco.segment(photo, references, method=preset.method)
    reco.encoded = ByteCache(0)  # every photo is new
    spent = [seconds(lambda: reco.segment(photo, references, method=preset.method), device) for _ in range(5)]
    show(f"a 640 x 480 photo, 5 concepts, {preset.method}", f"{statistics.median(spent):.2f} s")
    show("largest memory of the process", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")
    if device.startswith("cuda"):
        show("largest GPU memory", f"{torch.cuda.max_memory_allocated() / 1e9:.2f} GB")


def seconds(task, device: str) -> float:
    started = time.perf_counter()
    task()
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("presets", nargs="*", default=["clip", "paper"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--step", choices=("build", "use"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.step:
        {"build": build, "use": use}[args.step](PRESETS[args.presets[0]], args.folder, args)
        return
    where = torch.cuda.get_device_name() if args.device.startswith("cuda") else f"{args.threads} threads"
    print(
        f"| preset | what | on {args.device}, {where}, {args.precision or 'default precision'} |\n|---|---|---|",
        flush=True,
    )
    for name in args.presets:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            (folder / "photos").mkdir()
            write_photos(folder / "photos")
            write_weights(PRESETS[name], folder)
            options = ["--device", args.device, "--threads", str(args.threads), "--folder", scratch]
            options += ["--precision", args.precision] if args.precision else []
            for step in ("build", "use"):
                subprocess.run([sys.executable, __file__, name, *options, "--step", step], check=True)


if __name__ == "__main__":
    main()
