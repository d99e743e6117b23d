"""Where training lost to ReCo, ReCo itself is handed back, and says so."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from support.adapting import TINY, make

from reco_core.adaptation import job, own_network, specialist
from reco_core.adaptation.specialist import Specialist
from reco_core.adaptation.training import same
from reco_core.cli import export
from reco_core.errors import WeightsError
from reco_core.utils.run_control import RunControl

NAMES = ("cat", "coffee cup")
WHOLE = replace(TINY, blocks=12, steps=2, check=1)


@pytest.fixture(scope="module")
def references(reco):
    return reco.prepare(NAMES, method="reco2_crf", background=("wall", "table"))


@pytest.fixture(scope="module")
def graph(reco, references):
    return own_network.graph_of(reco, references, "reco2_crf", RunControl())


@pytest.fixture
def lost(fast, photos, graph, tmp_path, monkeypatch, caplog):
    """A job whose training loses."""
    monkeypatch.setattr(job, "same", lambda *args: 1.1)
    monkeypatch.setattr(own_network, "graph_of", lambda *args: graph)
    make(fast, photos, tmp_path / "out", NAMES, recipe=WHOLE)
    assert "ReCo itself, with your names, is what you get. It is slower than ReCo" in caplog.text
    return tmp_path / "out"


@pytest.mark.slow  # ReCo is traced, as for its page: a minute of a core
def test_reco_itself_is_handed_back(reco, references, real_photos, lost):
    one = Specialist(lost, "cpu")
    assert one.own and one.about["fits"]["reco"] == 1.1 and not (lost / specialist.WEIGHTS).exists()
    for photo in (real_photos["cat"], real_photos["coffee"][:300, :200]):
        found, expected = one.segment(photo), reco.segment(photo, references, method="reco2_crf")
        assert (found.labels == expected.labels).mean() > 0.995
        np.testing.assert_allclose(found.presence, expected.presence, atol=1e-3)
        np.testing.assert_allclose(found.scores.sum(0), 1, atol=1e-4)
        assert one.scores(photo).shape == found.scores.shape
    assert "This is ReCo itself with these names" in (lost / "README.md").read_text()
    assert isinstance(export._of_specialist(lost)[0], onnx.ModelProto), "a page needs no other"
    with pytest.raises(WeightsError, match="damaged"):
        one.network()


@pytest.mark.slow  # the whole of mini learns
def test_what_says_it_more_often_is_no_worse(fast, photos, tmp_path, monkeypatch):
    monkeypatch.setattr(job, "same", lambda *args: 0.0)
    made = make(fast, photos, tmp_path / "out", NAMES, recipe=WHOLE)
    assert not made.own and made.about["fits"]["reco"] == 0


def test_shares_of_sure_pixels(examples):
    told = np.concatenate([example.stored().labels.ravel() for example in examples[:3]])
    nothing = lambda photo: np.zeros(photo.shape[:2], np.uint8)  # noqa: E731
    assert same(nothing, examples[:3], np.zeros(3, np.uint8)) == pytest.approx((told == 0).mean(), abs=1e-4)
    assert same(nothing, [], np.zeros(3, np.uint8)) is None
