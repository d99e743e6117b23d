"""The Segment tab's legend by itself."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reco_app.segment import view
from reco_app.segment.session import SegmentResult
from reco_app.visitor.user_archive import UserRows
from reco_core.export import FOUND_FROM, is_found
from reco_core.pipeline import ReCo
from reco_core.types import Concept


@pytest.fixture
def concept(reco) -> Concept:
    return reco.prepare(["cat"], k=2, background=()).concepts[0]


@pytest.fixture
def legend(reco: ReCo):
    """HTML for concepts with these shares and presences, if some are drawn."""

    def make(
        concepts: list[Concept],
        shares: Sequence[float],
        presence: Sequence[float],
        drawn: Sequence[int] = (),
        found_from: float = FOUND_FROM,
    ) -> str:
        pixels, rows = np.zeros((2, 2, 3), np.uint8), UserRows(reco.archive, len(reco.archive), Path())
        result = SegmentResult(
            photo=pixels,
            labels=pixels[..., 0],
            concepts=tuple(concepts),
            shares=tuple(shares),
            presence=tuple(presence),
            folder=Path(),
            preset="",
            user_rows=rows,
            learned=1.0,
            marked=0.5,
            found_from=found_from,
        )
        return view.legend(result, drawn)

    return make


@pytest.mark.parametrize(
    ("presence", "share", "expected"), [(0.9, 0.2, True), (0.4, 0.2, False), (0.9, 0.0001, False), (0.5, 0.0005, True)]
)
def test_found(presence, share, expected):
    assert is_found(presence, share) is expected
    assert is_found(presence, share, found_from=0.95) is False


def test_legend_says_why_something_was_not_found(concept, legend):
    unsure = legend([concept], [0.2], [0.31])
    nowhere = legend([concept], [0.0], [0.9])
    rare = legend([replace(concept, in_archive=False)], [0.2], [0.9])
    assert "not found: it does not seem to be in this photo" in unsure
    assert "width:31%" in unsure
    assert "20.0 %" in unsure
    assert "not found: nothing in the photo fits it best" in nowhere
    assert "not found" not in rare
    assert "the archive hardly has photos of this" in rare
    strict = legend([concept], [0.2], [0.6], found_from=0.7)
    assert "not found: less sure than the 0.70 that you ask for" in strict
    assert "--from:70%" in strict
    assert "not found" not in legend([concept], [0.2], [0.6])


def test_legend_offers_to_show_what_was_not_found(concept, legend):
    concept = replace(concept, name="<b onclick='x'>")
    faint = legend([concept] * 2, [0.2, 0.3], [0.9, 0.3], drawn=[0])
    assert 'data-show="1">show anyway</button>' in faint
    assert faint.count("<button") == faint.count("reco-faint") == 1
    assert "<b " not in faint
    shown = legend([concept] * 2, [0.2, 0.3], [0.9, 0.3], drawn=[0, 1])
    assert 'data-show="1">only outline</button>' in shown
    assert "reco-faint" not in shown
    nowhere = legend([concept], [0.0], [0.3])
    assert "<button" not in nowhere
    assert "there is nothing to draw" in nowhere
