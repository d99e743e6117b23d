"""Tables of TOML as typed data: what they take from each other, and as which dataclass."""

from dataclasses import MISSING, fields, is_dataclass
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from reco_core.errors import OptionError, find


def inherit(tables: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Tables with what they take from the earlier one that `like` names."""
    done: dict[str, dict[str, Any]] = {}
    for name, table in tables.items():
        own = {key: value for key, value in table.items() if key != "like"}
        done[name] = {**find(table["like"], done, "earlier table"), **own} if "like" in table else own
    return done


def build(kind: Any, value: Any, where: str) -> Any:
    """What TOML says as the type that is asked for: a table as a dataclass, a list as a tuple, the rest as it is.

    where: of which file and table the value is, for errors.

    Raises:
        OptionError: a key is unknown or missing, or a value is of another type.
    """
    kind = get_args(kind)[0] if get_origin(kind) is UnionType else kind  # "or None" is a key that is left out
    if isinstance(kind, type) and is_dataclass(kind) and isinstance(value, dict):
        hints = get_type_hints(kind)
        required = {f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING}
        for problem, keys in (("unknown", value.keys() - hints.keys()), ("missing", required - value.keys())):
            if keys:
                raise OptionError(f"{problem} key in {where}", given=min(keys), expected=", ".join(hints))
        return kind(**{key: build(hints[key], part, f"{key} of {where}") for key, part in value.items()})
    if get_origin(kind) is tuple and isinstance(value, list):
        kinds = get_args(kind)
        kinds = kinds[:1] * len(value) if kinds[-1] is Ellipsis else kinds
        if len(kinds) == len(value):
            return tuple(build(one, part, where) for one, part in zip(kinds, value, strict=True))
    elif type(value) in ((int, float) if kind is float else (kind,)):
        return value
    raise OptionError(f"wrong value of {where}", given=repr(value), expected=getattr(kind, "__name__", str(kind)))
