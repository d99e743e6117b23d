"""A hub on loopback."""

from collections.abc import Iterator

import pytest
from huggingface_hub import constants
from support.hub_server import Hub


@pytest.fixture
def alone(monkeypatch, tmp_path, hurry):
    """No token of this machine, and Git LFS, which this hub knows, rather than Xet."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def hub() -> Iterator[Hub]:
    running = Hub()
    yield running
    running.shutdown()
