"""The app with one more preset, small enough for a test, whose files and photos a server on loopback has.

python tests/tiny_app.py SETTINGS.json --port N
"""

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import app
from reco_core import install
from reco_core.presets import CLIP, PRESETS, WeightFile
from reco_core.structures import PhotoRecord


def main() -> int:
    settings = json.loads(Path(sys.argv[1]).read_text())
    files = [WeightFile(**file) for file in settings["weights"]]
    clip = replace(CLIP.language, name="ViT-S-32-alt", weights=(files[0],), patch=32, readout="clearclip")
    features = replace(CLIP.features, name="vit_tiny_patch16_224", weights=(files[1],), patch=16)
    tiny = replace(
        CLIP, name="tiny", summary="for tests", retrieval=clip, language=clip, features=features, k=4, method="reco",
        archive=settings["archive"], templates=("{}",), window=0,
    )  # fmt: skip
    PRESETS["tiny"] = tiny
    records = [PhotoRecord.of(record) for record in settings["photos"]]
    real = install.Archive
    install.Archive = lambda folder: real(folder) if folder == Path(tiny.archive) else SimpleNamespace(records=records)
    return app.main(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
