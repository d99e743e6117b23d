"""SHA-256 of files and of settings: how weights, archives and unfinished work are recognised."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from reco_core.errors import WeightsError


def sha256(file: Path) -> str:
    """The SHA-256 of a file, hexadecimal; raises OSError if it cannot be read."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest(text: str | Iterable[str], digits: int = 64) -> str:
    """The first hexadecimal digits of the SHA-256 of a text, or of its pieces in their order."""
    total = hashlib.sha256()
    for piece in [text] if isinstance(text, str) else text:
        total.update(piece.encode())
    return total.hexdigest()[:digits]


def weights_sha256(file: Path) -> str:
    """The same for a file of weights.

    Raises:
        WeightsError: the file is missing.
    """
    if not file.is_file():
        raise WeightsError("a model file is missing", given=file, remedy="Reinstall, or restore the file")
    return sha256(file)
