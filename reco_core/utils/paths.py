"""Where files lie: what comes with the package, and what this user's machine has fetched or made."""

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def bundled_folder() -> Path:
    """The folder that holds the project's assets/ and archives/: inside a wheel, or beside reco_core in a clone."""
    inside = _PACKAGE / "bundled"
    return inside if inside.is_dir() else _PACKAGE.parent


def cache_folder() -> Path:
    """Where downloads and installed presets lie: $RECO_CACHE, or reco below the user's cache folder."""
    chosen = os.environ.get("RECO_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(chosen) if chosen else Path(base) / "reco"


def find_folder(place: str) -> Path:
    """A folder by its place ("archives/mini"): the bundled one if there is one, else the cache's, there or not."""
    bundled = bundled_folder() / place
    return bundled if bundled.exists() else cache_folder() / place
