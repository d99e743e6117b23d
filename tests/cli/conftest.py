"""Commands of one process share the bundled model, which takes a second to load."""

from pathlib import Path

import pytest

from reco_core import pipeline
from reco_core.cli import options
from reco_core.models.encoder import Encoder
from reco_core.models.encoders import load_encoder
from reco_core.presets import MINI, Preset


@pytest.fixture(autouse=True)
def loaded_once(reco, monkeypatch) -> None:
    """Whoever asks for mini as it is on a CPU gets the one that is there; all else is loaded."""

    def load(preset: Preset, device: str | None = None, folder: Path | None = None, **rest) -> Encoder:
        same = preset == MINI and device in (None, "cpu") and folder is None and not rest.get("precision")
        return reco.encoder if same else load_encoder(preset, device, folder, **rest)

    for module in (pipeline, options):
        monkeypatch.setattr(module, "load_encoder", load)
