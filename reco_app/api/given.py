"""What is given to the API: photos and zips as base64, as data URLs, or as uploads. Nothing is fetched from anywhere,
and no file of the server is read but what was uploaded to Gradio.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from gradio.utils import get_upload_folder

from reco_app.clients import TooLarge
from reco_app.limits import Limits
from reco_app.visitor.budget import Budget
from reco_app.visitor.uploads import small_photo
from reco_app.visitor.user_photos import SmallPhoto
from reco_core.errors import PhotoError, shorten
from reco_core.types import LeftOut

Given = str | dict[str, Any]  # base64, a data URL, an upload's address, or Gradio's FileData of an upload
FORMS = "base64, a data URL, or a file that was uploaded here"
NO_ADDRESS = "Send the file itself: addresses are not fetched"
UPLOADED = "/gradio_api/file="
SCHEME = re.compile(r"\s*[a-z][a-z0-9+.-]*:", re.IGNORECASE)
URL_SAFE = str.maketrans("-_", "+/")


def data_of(given: Given | None, limits: Limits, what: str = "the photo") -> bytes:
    """The bytes of a photo or zip.

    what: what they are called in an error.

    Raises:
        PhotoError: there are none, or it is another address or path. TooLarge: too many.
    """
    if not given:
        raise PhotoError(f"there is no {what.removeprefix('the ')}", expected=FORMS)
    if isinstance(given, dict):
        return _upload(given.get("path"), limits, what)
    if not isinstance(given, str):
        raise PhotoError(f"{what} is no text", given=type(given).__name__, expected=FORMS)
    head = given[:2000]
    if UPLOADED in head:
        return _upload(unquote(head.partition(UPLOADED)[2].partition("?")[0]), limits, what)
    if head.lstrip()[:5].lower() == "data:":
        kind, _, text = given.partition(",")
        if not kind.lower().endswith(";base64"):
            raise PhotoError(f"{what} is a data URL of another kind", given=kind[:80], expected="data:...;base64,...")
        return _decoded(text, limits, what)
    if SCHEME.match(head):
        raise PhotoError(f"{what} is an address", given=shorten(head, 80), expected=FORMS, remedy=NO_ADDRESS)
    return _decoded(given, limits, what)


def small_photos(given: Sequence[Given], limits: Limits) -> list[SmallPhoto | LeftOut]:
    """Several photos, made small; they are called by their number, from 1. What is none is left out.

    Raises:
        PhotoError, TooLarge, Refused: one is not given as it should be; they are too many, or too large together.
    """
    if not given:
        raise PhotoError("there are no photos", expected=f"a list, of {FORMS}")
    if len(given) > limits.user_photos:
        raise TooLarge("these are too many photos", given=len(given), expected=f"at most {limits.user_photos}")
    size, small, budget = 0, [], Budget(limits)
    for number, one in enumerate(given, 1):
        data = data_of(one, limits, f"photo {number}")
        size += len(data)
        _check_size(size, limits.user_bytes, "the photos are")
        budget.spend(data)
        one_small = small_photo(f"photo {number}", data)
        small.append(replace(one_small, title="") if isinstance(one_small, SmallPhoto) else one_small)
    return small


def told_left_out(left_out: Sequence[LeftOut]) -> list[dict[str, str]]:
    """Which photos were not taken, and why."""
    return [{"photo": one.file, "why": one.reason} for one in left_out]


def _decoded(text: str, limits: Limits, what: str) -> bytes:
    _check_size(len(text) * 3 // 4, limits.upload_bytes, f"{what} is")
    try:
        return base64.b64decode("".join(text.split()).translate(URL_SAFE), validate=True)
    except (binascii.Error, ValueError) as error:
        raise PhotoError(f"{what} is no base64", given=shorten(text, 40), expected=FORMS) from error


def _upload(path: object, limits: Limits, what: str) -> bytes:
    """A file that Gradio has taken as an upload; any other path is as good as one that does not exist."""
    gone = PhotoError(f"{what} is no upload, or no longer kept", expected=FORMS, remedy="Upload it again")
    try:
        file, folder = Path(str(path)).resolve(), Path(get_upload_folder()).resolve()
        if not (isinstance(path, str) and file.is_relative_to(folder) and file.is_file()):
            raise gone
        _check_size(file.stat().st_size, limits.upload_bytes, f"{what} is")
        return file.read_bytes()
    except (OSError, ValueError) as error:
        raise gone from error


def _check_size(size: int, most: int, what: str) -> None:
    if size > most:
        given, expected = f"{size / 1e6:,.1f} MB", f"at most {most // 1_000_000} MB"
        raise TooLarge(f"{what} too large", given=given, expected=expected)
