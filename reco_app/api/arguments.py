"""What a call's arguments must be: the types of the function's parameters, checked before anything is done."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_origin

from reco_core.errors import OptionError, find

MOST_TEXT = 100_000  # characters of an argument that is no file
KINDS: dict[Any, str] = {str: "text", int: "a whole number", float: "a number", bool: "true or false", list: "a list"}
FILES = ("photo", "photos", "taught")  # their size is checked where they are read


def bound(function: Callable, given: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments by parameter, checked; null is as good as not given, and what is not given has its default.

    Raises:
        OptionError: one is unknown, missing or of another type.
    """
    parameters = inspect.signature(function).parameters
    for name in given:
        find(str(name)[:80], parameters, "parameter")
    values = {}
    for name, parameter in parameters.items():
        value = given.get(name)
        if value is None and parameter.default is parameter.empty:
            raise OptionError(f"{name} is missing", remedy="It has no default")
        values[name] = parameter.default if value is None else checked(name, parameter.annotation, value)
    return values


def in_order(given: list[Any], count: int) -> list[Any]:
    """So many arguments: what is not given is null, and no file is Gradio's. Then we say what is wrong, not Gradio."""
    return [*map(_plain, given), *[None] * (count - len(given))]


def checked(name: str, kind: Any, value: Any) -> Any:
    """A value of this type; whole numbers may come as 5.0, numbers as 5. Other types than those of `KINDS` pass.

    Raises:
        OptionError: it is another.
    """
    kind = get_origin(kind) or kind
    if kind not in KINDS:
        return value
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind in (int, float) and number:
        if abs(value) < 1e9 and (kind is float or value == int(value)):
            return kind(value)
    elif isinstance(value, kind) and kind not in (int, float):
        return _text(name, value) if kind is str else value
    plain = isinstance(value, str | int | float | bool)
    shown = repr(value)[:80] if plain else f"a {type(value).__name__}"
    raise OptionError(f"{name} is not {KINDS[kind]}", given=shown, expected=KINDS[kind])


def _text(name: str, value: str) -> str:
    if len(value) > MOST_TEXT and name not in FILES:
        expected = f"at most {MOST_TEXT:,}"
        raise OptionError(f"{name} is too long", given=f"{len(value):,} characters", expected=expected)
    if not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
        raise OptionError(f"{name} has half a character in it", expected="text in Unicode")
    return value


def _plain(value: Any, depth: int = 3) -> Any:
    """A value without what makes a file Gradio's. depth: of lists in lists; what is deeper is no argument of ours."""
    if isinstance(value, list):
        return [_plain(one, depth - 1) for one in value] if depth else None
    return {"path": value.get("path")} if isinstance(value, dict) else value
