"""Made-up archives, pushed to a hub on loopback and pulled from it."""

import json
from pathlib import Path

import numpy as np
from support.hub_server import Hub

from reco_core.archives import hub_sync
from reco_core.archives import manifest as store
from reco_core.archives.records import write_records
from reco_core.types import PhotoRecord

NAME, TOKEN = "someone/photos", "hf_owner"


def make(folder: Path, seed: int = 0, photos: int = 5) -> store.Manifest:
    """An archive whose vectors are noise; the typical ones are the same for all seeds."""
    noise = np.random.default_rng(seed)
    with store.changing(folder) as work:
        records = [
            PhotoRecord.of(
                {
                    "file": f"{i}.jpg",
                    "licence": "CC BY 4.0",
                    "author": f"{seed}-{i}",
                    "source_url": f"https://photos.example/{i}.jpg",
                }
            )
            for i in range(photos)
        ]
        write_records(records, np.zeros(photos, np.uint64), work / "photos.zip")
        for name, size in (("embeddings.npy", 30_000), ("features.npy", 300_000)):
            (work / name).write_bytes(b"\0" + noise.bytes(size))
        (work / "typical.safetensors").write_bytes(b"\0" * 1000)
        (work / "references.json").write_text(json.dumps({"seed": seed}))
        shared = store.name_by_contents(
            {"typical": work / "typical.safetensors", "references": work / "references.json"}
        )
        own = store.name_by_contents(
            {
                role: work / f"{role}.{'zip' if role == 'photos' else 'npy'}"
                for role in ("photos", "embeddings", "features")
            }
        )
        part = store.Part(photos, {role: file.path.name for role, file in own.items()}, "RQ4x8", {"CC BY 4.0": photos})
        manifest = store.Manifest(
            "mini", "ab" * 32, 8, (2, 2), (2, 2), (part,), {role: file.path.name for role, file in shared.items()}, {}
        )
        store.commit(folder, manifest, {file.path.name: file for file in (*own.values(), *shared.values())})
    return store.read_manifest(folder)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def push(hub: Hub, folder: Path, **options) -> str:
    return hub_sync.push(folder, NAME, **{"endpoint": hub.endpoint, "token": TOKEN, **options})


def pull(hub: Hub, out: Path, **options) -> None:
    hub_sync.pull(NAME, out, **{"endpoint": hub.endpoint, **options})


def largest(folder: Path) -> bytes:
    return next(folder.glob("features-*")).read_bytes()


def asked(hub: Hub, *commands: str) -> list[str]:
    return [path for command, _, path, _ in hub.seen if command in commands]
