"""The curve of a training: what is best, and when nothing gets better."""

import json

import pytest

from reco_core.adaptation.curve import Curve, Look


def test_best_and_stalled():
    looks = [Look(10, 2.0, 0.2, 0.4), Look(20, 1.5, 0.6, 0.3), Look(30, 1.0, 0.6, 0.4), Look(40, 0.5, 0.1, 0.8)]
    curve = Curve(tuple(looks))
    assert curve.best == looks[1], "the earliest of equals"
    assert [curve.stalled(patience) for patience in (1, 2, 3)] == [True, True, False]
    assert not Curve(tuple(looks[:2])).stalled(1)
    assert not Curve().stalled(1) and not Curve() and curve


def test_without_held_out_photos_the_last_look_is_best():
    curve = Curve((Look(5, 0.1), Look(10, 3.0), Look(15, 2.0)))
    assert curve.best.step == 15 and not curve.stalled(1)
    assert Curve((Look(5, 0.1, None, 0.9), Look(10, 0.1, None, 0.1))).best.step == 10


def test_a_curve_comes_back_from_plain_data():
    curve = Curve((Look(5, 0.123, 0.5, 0.25), Look(10, 3.0)))
    plain = json.loads(json.dumps(curve.plain(), allow_nan=False))
    assert plain == [
        {"step": 5, "loss": 0.123, "fits": 0.5, "agrees": 0.25},
        {"step": 10, "loss": 3.0, "fits": None, "agrees": None},
    ]
    assert Curve.of(plain) == curve
    for wrong in ([{"step": 1}], [{"stop": 1, "loss": 2}], [3], 3):
        with pytest.raises(TypeError):
            Curve.of(wrong)
