"""One server of the app for the API's tests, and a photo as programs send it."""

import base64
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.server import serving

Post = Callable[..., httpx.Response]


@pytest.fixture(scope="session")
def encoded(chelsea: Path) -> str:
    """Chelsea the cat as base64."""
    return base64.b64encode(chelsea.read_bytes()).decode()


@pytest.fixture(scope="session")
def post(address: str) -> Post:
    """Calls an endpoint by plain HTTP with a JSON object."""

    def call(name: str, /, **given: Any) -> httpx.Response:
        return httpx.post(f"{address}api/v1/{name}", json=given, timeout=120)

    return call


@pytest.fixture(scope="module")
def quick_address(tmp_path_factory) -> Iterator[str]:
    """The app whose specialists learn in seconds."""
    with serving([sys.executable, "tests/support/quick_app.py"], tmp_path_factory.mktemp("quick")) as url:
        yield url
