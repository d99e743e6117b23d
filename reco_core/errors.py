"""What can go wrong, as one tree.

RecoError
├── PhotoError       a photo cannot be read, or is too large or too small
├── NamesError       the typed names: none, too many, too long
├── OptionError      an option, preset, method or protocol that does not exist or does not fit
├── DatasetError     labelled photos are missing, or not laid out as expected
├── ArchiveError     an archive is missing, damaged, or made by another model
├── WeightsError     a model file is missing or is not the published one
├── DownloadError    a file could not be fetched
│   └── NoSpaceError     for the disk is full
├── Cancelled        the user stopped it
└── DependencyError  an optional library is not importable
"""

import difflib
from collections.abc import Mapping
from typing import Any


class RecoError(Exception):
    """An error that a user can act on: what happened, what was given and expected, what to do."""

    def __init__(self, what: str, *, given: object = None, expected: str = "", remedy: str = "") -> None:
        parts = [what]
        if given is not None:
            parts.append(f"Given: {shorten(str(given))}")
        if expected:
            parts.append(f"Expected: {expected}")
        if remedy:
            parts.append(remedy)
        super().__init__(" ".join(map(_sentence, parts)))


class PhotoError(RecoError):
    pass


class NamesError(RecoError):
    pass


class OptionError(RecoError):
    pass


class DatasetError(RecoError):
    pass


class ArchiveError(RecoError):
    pass


class WeightsError(RecoError):
    pass


class DownloadError(RecoError):
    pass


class NoSpaceError(DownloadError):
    pass


class Cancelled(RecoError):
    pass


class DependencyError(RecoError):
    pass


def find(name: str, known: Mapping[str, Any], kind: str) -> Any:
    """The entry of this name.

    Raises:
        OptionError: there is none; the message suggests the nearest, if one is near.
    """
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    remedy = f'Did you mean "{near[0]}"?' if near else ""
    raise OptionError(f"unknown {kind}", given=name, expected=", ".join(known), remedy=remedy)


def _sentence(text: str) -> str:
    """With one full stop at its end, but none after a question."""
    text = text.rstrip(".")
    return text if text.endswith(("?", "!")) else f"{text}."


def shorten(text: str, limit: int = 300) -> str:
    """Keep an error readable however long the input was."""
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters)"
