"""Presets and methods by name."""

import pytest

from reco_core.errors import OptionError
from reco_core.methods import METHODS, SWITCHES, find_method
from reco_core.presets import find_preset


def test_switches_after_a_name():
    method = find_method("reco2-gate+crf")
    assert (method.name, method.gate, method.crf, method.affinity) == ("reco2-gate+crf", False, True, True)
    assert METHODS["reco2"].gate
    assert not METHODS["reco2"].crf
    assert find_method("reco_no_lgc") == METHODS["reco_no_lgc"]


def test_reco_is_the_papers():
    on = {switch for switch in SWITCHES if getattr(METHODS["reco"], switch)}
    assert on == {"language_guidance", "context_elimination", "reference", "language"}


def test_learning_switches_tell_references_apart():
    assert METHODS["reco"].learning != METHODS["reco2"].learning
    assert METHODS["reco"].learning == METHODS["denseclip"].learning == find_method("reco+gate").learning


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("reco3", 'unknown method.*Did you mean "reco'),
        ("reco2-gat", 'unknown switch.*Did you mean "gate"'),
        ("reco2-", "unknown switch"),
    ],
)
def test_unknown_names(name, message):
    with pytest.raises(OptionError, match=message):
        find_method(name)


def test_unknown_preset():
    with pytest.raises(OptionError, match='Did you mean "mini"'):
        find_preset("minni")
