"""What a request of plain HTTP holds: a JSON object, or a form with files."""

import base64
import inspect
import json
from collections.abc import AsyncGenerator, Callable
from typing import Any, get_origin

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from reco_app.api.arguments import FILES
from reco_app.clients import TooLarge
from reco_core.errors import OptionError

FORM, MOST_FILES = "multipart/form-data", 500
EXAMPLE = 'an object, such as {"words": "cat"}'
WORDS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


async def arguments(request: Request, function: Callable, most_bytes: int) -> dict[str, Any]:
    """What is given for the function's parameters; in a form, texts are read as what a parameter is.

    Raises:
        OptionError: it is neither. TooLarge: as soon as it is.
    """
    if request.headers.get("content-type", "").lower().startswith(FORM):
        return await _form(request, function, most_bytes)
    body = b"".join([part async for part in _parts(request, most_bytes)])
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise OptionError("the request is no JSON", expected=EXAMPLE) from error
    if not isinstance(given, dict):
        raise OptionError("the request is no JSON object", given=type(given).__name__, expected=EXAMPLE)
    return given


async def _parts(request: Request, most_bytes: int) -> AsyncGenerator[bytes, None]:
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > most_bytes:
            expected, remedy = f"at most {most_bytes // 1_000_000} MB", "Upload files first, see docs/api.md"
            raise TooLarge("the request is too large", expected=expected, remedy=remedy)
        yield part


async def _form(request: Request, function: Callable, most_bytes: int) -> dict[str, Any]:
    parser = MultiPartParser(request.headers, _parts(request, most_bytes), max_files=MOST_FILES, max_fields=MOST_FILES)
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError) as error:
        raise OptionError("the form is damaged", given=f"{error}", expected=FORM) from error
    try:
        kinds = {name: one.annotation for name, one in inspect.signature(function).parameters.items()}
        given: dict[str, Any] = {}
        for name in form:
            values = [await _value(name, value, kinds.get(name)) for value in form.getlist(name)]
            given[name] = values if get_origin(kinds.get(name)) is list else values[-1]
        return given
    finally:
        await form.close()


async def _value(name: str, value: UploadFile | str, kind: Any) -> Any:
    if isinstance(value, UploadFile):
        data = await value.read()
        return base64.b64encode(data).decode() if name in FILES else _text(name, data)
    if kind is bool:
        return WORDS.get(value.strip().lower(), value)
    try:
        return float(value) if kind in (int, float) else value
    except ValueError:
        return value


def _text(name: str, data: bytes) -> str:
    """A file where words are wanted, as `-F names=@names.txt` sends it."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise OptionError(f"the file for {name} is no text", expected="UTF-8") from error
