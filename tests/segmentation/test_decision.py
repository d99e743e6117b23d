"""Maps of how a name's pixels were decided."""

import numpy as np
import pytest
import torch

from reco_core.errors import OptionError
from reco_core.methods import Scoring
from reco_core.segmentation.decision import FINE, LOOKS, SOUNDS, TOGETHER, decision_maps
from reco_core.segmentation.scorers import Similarity
from reco_core.types import ExemplarStats

GRID = (3, 4)
STATS = ExemplarStats(match=0.8, peak_z=4.0)


def seen(reference: torch.Tensor, language_z: torch.Tensor) -> Similarity:
    nothing = torch.zeros(1)
    return Similarity(reference, language_z, language_z, torch.zeros(*GRID, 2), nothing, nothing > 0)


def flat(*values: float) -> torch.Tensor:
    """Maps of one value each, (K, h, w) as fine as decisions."""
    return torch.tensor(values)[:, None, None].expand(len(values), FINE * GRID[0], FINE * GRID[1]).clone()


def test_what_is_as_good_as_exemplars_is_white_and_noise_stays_dark():
    reference = torch.zeros(1, *GRID)
    reference[0, :, 2:] = 0.8
    weak = torch.zeros(1, *GRID)
    weak[0, 0, 0] = 0.4
    looks, sounds, _ = decision_maps(seen(reference, weak), flat(0.0, 1.0), 1, STATS, Scoring())
    assert (looks.title, sounds.title) == (LOOKS, SOUNDS)
    assert looks.values.shape == (12, 16) and looks.values.dtype == torch.uint8
    assert looks.values[:, -1].eq(255).all() and looks.values[:, 0].eq(0).all()
    assert 0 < int(sounds.values.max()) <= 26  # a tenth of what exemplars show


def test_together_is_bright_where_the_name_wins():
    scores = flat(0.0, 0.0, -1.0)
    scores[1, :, :8], scores[1, :, 8:] = 2.0, -2.0
    *_, together = decision_maps(seen(torch.zeros(1, *GRID), torch.zeros(1, *GRID)), scores, 1, STATS, Scoring())
    assert together.title == TOGETHER
    assert together.values[:, :8].eq(255).all() and together.values[:, 8:].eq(0).all()
    tie = flat(0.0, 0.0)
    tie[1, 0, 0] = 5.0
    *_, together = decision_maps(seen(torch.zeros(1, *GRID), torch.zeros(1, *GRID)), tie, 1, STATS, Scoring())
    assert int(together.values[5, 5]) == 128


def test_a_name_that_nothing_competes_with_has_its_score():
    scores = flat(torch.finfo(torch.float32).min, 0.0)
    scores[1, :, 8:] = 3.0
    *_, together = decision_maps(seen(torch.zeros(1, *GRID), torch.zeros(1, *GRID)), scores, 1, STATS, Scoring())
    assert together.values[:, 8:].eq(255).all() and together.values[:, :8].eq(128).all()


@pytest.mark.parametrize("method", ["reco2", "reco", "denseclip"])
def test_it_tells_what_segment_did(reco, cat, method):
    references = reco.prepare(["cat", "wall"], method=method)
    encoded = reco.encode(cat)
    maps = reco.explain(cat, references, 1, method=method, encoded=encoded)
    assert list(maps) == [title for title in (LOOKS, SOUNDS, TOGETHER) if method != "denseclip" or title != LOOKS]
    together = maps[TOGETHER]
    labels = reco.segment(cat, references, method=method, encoded=encoded).labels
    height, width = together.shape
    rows, columns = (np.arange(n) * of // n for n, of in ((height, cat.shape[0]), (width, cat.shape[1])))
    assert ((together > 127) == (labels[rows][:, columns] == 1)).mean() > 0.95
    with pytest.raises(OptionError, match="no such label"):
        reco.explain(cat, references, 3, method=method)
