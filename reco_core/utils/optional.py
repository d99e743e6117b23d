"""Libraries that only some uses need."""

import importlib
from types import ModuleType

from reco_core.errors import DependencyError


def import_optional(module: str, use: str, requirements: str = "requirements-data.txt") -> ModuleType:
    """Import an optional library.

    Args:
        use: what needs it, for the error. requirements: the file that names it.

    Raises:
        DependencyError: it is missing, or does not load.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise DependencyError(
            f"{use} needs a library that is not installed", given=error, remedy=f"Run pip install -r {requirements}"
        ) from error
