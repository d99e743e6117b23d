"""What the figures of a benchmark depend on, as plain data."""

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from reco_core.datasets.dataset import Dataset, Item
from reco_core.evaluation.authors_code import AuthorsConcepts
from reco_core.evaluation.variants import Variant
from reco_core.pipeline import ReCo
from reco_core.utils.hashing import digest
from reco_core.utils.names import names_in

FORMAT = 2
READING = names_in(  # what figures depend on in a preset, beyond its weights
    "photo_side, margin, window, stride, templates, centre, unrelated, presence, in_archive_from, temperatures"
)


def fingerprint(items: Sequence[Item]) -> str:
    """16 hexadecimal digits of photos and label maps: their names, order and sizes in bytes."""
    told = [f"{item.key} {item.photo.stat().st_size} {item.truth.stat().st_size}" for item in items]
    return digest("\n".join(told), 16)


def settings(
    reco: ReCo,
    data: Dataset,
    variants: Sequence[Variant],
    judge: Variant,
    background: tuple[str, ...],
    context: tuple[str, ...],
) -> dict:
    """What figures depend on, as plain data: models, archive, words, labels, variants."""
    preset = reco.encoder.preset
    precision = getattr(reco.encoder, "precision", torch.float32)
    return {
        "format": FORMAT,
        "data": data.name,
        "protocol": data.protocol,
        "preset": preset.name,
        "weights": reco.encoder.hash,
        "archive": reco.archive.hash,
        "archive_photos": len(reco.archive),
        **{name: list(v) if isinstance(v, tuple) else v for name, v in asdict(preset).items() if name in READING},
        "precision": str(precision).removeprefix("torch."),
        "device": reco.encoder.device,
        "authors_code": asdict(reco.concepts.authors) if isinstance(reco.concepts, AuthorsConcepts) else {},
        "presence_of": judge.name,
        "context": list(context),
        "background": list(background) if data.background else [],
        "side": data.side,
        "words": {word: data.classes[row] for word, row in zip(data.words, data.word_rows, strict=True)},
        "labels": {str(value): data.classes[row] for value, row in data.label_rows.items()},
        "variants": {
            v.name: {**asdict(v.method), "k": v.k, "share": v.share, "background": v.background} for v in variants
        },
    }


def machine() -> dict[str, str | int]:
    """What the figures of time were measured on."""
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text(encoding="utf-8").splitlines() if cpu.exists() else []
    named = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    try:
        ours = version("reco-core")
    except PackageNotFoundError:
        ours = "not installed"
    return {
        "cpu": named or platform.processor() or platform.machine(),
        "cores": os.cpu_count() or 1,
        "threads": torch.get_num_threads(),
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "reco_core": ours,
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
    }
