"""Arguments are checked before anything is done."""

import pytest

from reco_app.api.arguments import bound
from reco_core.errors import OptionError


def example(names: str, k: int = 5, sure: float = 0.5, on: bool = True, photos: list[str] | None = None) -> dict:
    return {}


def test_defaults_and_numbers_as_json_has_them():
    values = bound(example, {"names": "cat", "k": 7.0, "sure": 1, "on": None})
    assert values == {"names": "cat", "k": 7, "sure": 1.0, "on": True, "photos": None}
    assert (type(values["k"]), type(values["sure"])) == (int, float)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "names is missing"),
        ({"names": None}, "names is missing"),
        ({"names": 5}, "names is not text"),
        ({"names": ["cat"]}, "names is not text.*list"),
        ({"names": "x" * 100_001}, "names is too long"),
        ({"names": "\ud800"}, "half a character"),
        ({"names": "cat", "k": 5.5}, "k is not a whole number"),
        ({"names": "cat", "k": "5"}, "k is not a whole number"),
        ({"names": "cat", "k": True}, "k is not a whole number"),
        ({"names": "cat", "k": 10**400}, "k is not a whole number"),
        ({"names": "cat", "sure": float("nan")}, "sure is not a number"),
        ({"names": "cat", "sure": float("inf")}, "sure is not a number"),
        ({"names": "cat", "on": 1}, "on is not true or false"),
        ({"names": "cat", "name": "x"}, r'unknown parameter.*Did you mean "names"'),
    ],
)
def test_what_is_wrong(given, why):
    with pytest.raises(OptionError, match=rf"(?is){why}"):
        bound(example, given)
