"""SHA-256 of files: how weights and archives are recognised."""

import hashlib
from pathlib import Path

from reco_core.errors import WeightsError


def sha256(file: Path) -> str:
    """The SHA-256 of a file, hexadecimal; raises OSError if it cannot be read."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def weights_sha256(file: Path) -> str:
    """The same for a file of weights.

    Raises:
        WeightsError: the file is missing.
    """
    if not file.is_file():
        raise WeightsError("a model file is missing", given=file, remedy="Reinstall, or restore the file")
    return sha256(file)
