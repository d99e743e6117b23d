"""Recipes by name, and those that cannot be."""

import json
from dataclasses import asdict, fields, replace

import pytest
from support.adapting import TINY

from reco_core.adaptation.recipe import PAPER, QUICK, RECIPES, Recipe, find_recipe
from reco_core.errors import OptionError


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("steps", 0),
        ("batch", 0),
        ("batch", 1),
        ("check", 0),
        ("patience", 0),
        ("stride", 32),
        ("side", 63),
        ("side", 1025),
        ("views", ()),
        ("crop", 32),
        ("crop", 100),
        ("crop", 2048),
        ("unsure", 1.0),
        ("unsure", -0.1),
        ("kept", 1.1),
        ("kept", -0.1),
        ("average", 1.0),
        ("balance", 1.5),
        ("scales", (2.0, 1.0)),
        ("scales", (0.0, 1.0)),
        ("scales", (1.0, 5.0)),
        ("blocks", 0),
        ("blocks", 13),
    ],
)
def test_recipes_that_cannot_be(field, value):
    with pytest.raises(OptionError, match=f"this {field}. Given"):
        replace(TINY, **{field: value})


def test_recipes_by_name():
    assert (find_recipe("quick"), find_recipe("paper")) == (QUICK, PAPER) == tuple(RECIPES.values())
    with pytest.raises(OptionError, match=r"unknown recipe.*Did you mean .quick"):
        find_recipe("quik")
    plain = json.loads(json.dumps(asdict(PAPER)))
    assert Recipe(**{n: tuple(v) if isinstance(v, list) else v for n, v in plain.items()}) == PAPER
    assert (PAPER.encoder, PAPER.stride, PAPER.steps, PAPER.batch) == ("resnet101", 8, 20_000, 8)
    assert len(fields(Recipe)) == len(plain)
