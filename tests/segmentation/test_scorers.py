"""The three scorers against their formulas, pixel by pixel; the whole chain is in test_pipeline.py."""

import math

import pytest
import torch
import torch.nn.functional as F

from reco_core.methods import Scoring, Temperatures
from reco_core.segmentation import score_maps
from reco_core.segmentation.background_stats import BackgroundStats
from reco_core.segmentation.scorers import NEVER, SCORERS, PhotoScorer, Similarity, TaughtWords, combine, smooth_all
from reco_core.types import Concept, Encoded, ExemplarStats, Words

ASKED = (("cat", 0), ("sofa", 1), ("strange", 4))

T = Temperatures()


def maps(seed: int, *shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def taken(mean: float) -> float:
    """What is taken from a word's log-odds, by their mean over the photo."""
    return (T.word_filling if mean > 0 else T.word_everywhere) * float(mean)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def seen(k: int = 3, grid: tuple[int, int] = (4, 5), language: tuple[int, int] = (4, 5)) -> Similarity:
    features = F.normalize(torch.randn(*grid, 6, generator=torch.Generator().manual_seed(9)), dim=-1)
    expected = torch.arange(k) == k - 1
    return Similarity(
        maps(0, k, *grid), maps(1, k, *language), 3 * maps(2, k, *language), features, 4 * maps(3, k), expected
    )


def test_reco_at_grid_points():
    one = seen()
    scores = SCORERS["reco"](one, (4, 5), Scoring(), T)
    for c, y, x in [(0, 0, 0), (2, 3, 4), (1, 2, 1)]:
        expected = sigmoid(one.reference[c, y, x]) * sigmoid(10 * one.language[c, y, x])
        assert scores[c, y, x].item() == pytest.approx(expected, abs=1e-6)


def test_factors_are_resized_before_they_are_multiplied():
    one = seen(2, (3, 3), (6, 6))
    a = F.interpolate(torch.sigmoid(one.reference)[None], (12, 9), mode="bilinear")[0]
    b = F.interpolate(torch.sigmoid(10 * one.language)[None], (12, 9), mode="bilinear")[0]
    torch.testing.assert_close(SCORERS["reco"](one, (12, 9), Scoring(), T), a * b)
    torch.testing.assert_close(SCORERS["denseclip"](one, (12, 9), Scoring("denseclip"), T), b)


def test_reco_without_text_is_the_reference_alone():
    one = seen()
    scores = SCORERS["reco"](one, (4, 5), Scoring(language=False), T)
    torch.testing.assert_close(scores, torch.sigmoid(one.reference))


def plain(**options: bool) -> Scoring:
    """reco2 with only these parts."""
    off = dict.fromkeys(
        (*("reference", "language", "calibrate", "affinity", "gate", "expect_background"), "words"), False
    )
    return Scoring("reco2", **{**off, **options})


@pytest.mark.parametrize(
    ("options", "name", "temperature"),
    [
        ({"reference": True}, "reference", T.reference),
        ({"language": True}, "language", T.language),
        ({"language": True, "calibrate": True}, "language_z", T.language_z),
    ],
)
def test_each_factor_of_reco2_is_compared_over_concepts(options, name, temperature):
    one = seen()
    scores = SCORERS["reco2"](one, (4, 5), plain(**options), T)
    values = [float(v) / temperature for v in getattr(one, name)[:, 2, 3]]
    total = math.log(sum(math.exp(v - max(values)) for v in values)) + max(values)
    assert scores[:, 2, 3].tolist() == pytest.approx([v - total for v in values], abs=1e-4)


def test_the_gate_of_reco2_is_bounded_and_expects_background():
    one = seen()._replace(log_odds=torch.tensor([9.0, 0.0, -5.0]))

    def gate(**more: bool) -> list[float]:
        return SCORERS["reco2"](one, (4, 5), plain(gate=True, **more), T)[:, 1, 1].tolist()

    def compared(*odds: float) -> list[float]:
        total = math.log(sum(math.exp(o) for o in odds))
        return [pytest.approx(o - total, abs=1e-5) for o in odds]

    assert gate() == compared(T.certain, 0.0, -5.0)
    assert gate(expect_background=True) == compared(T.certain, 0.0, T.expected)


def test_affinity_smooths_before_concepts_are_compared():
    one = seen(2)
    flat = one.features.reshape(20, 6)
    cosines = flat @ flat.T
    scaled = T.affinity_gain * (cosines - T.affinity_shift * cosines.mean())
    weights = torch.where((scaled > 0) | torch.eye(20, dtype=torch.bool), scaled, -torch.inf).softmax(-1)
    smoothed = (one.reference.reshape(2, 20) @ weights.T).reshape(2, 4, 5)
    expected = (smoothed / T.reference).log_softmax(0)
    scores = SCORERS["reco2"](one, (4, 5), plain(reference=True, affinity=True), T)
    torch.testing.assert_close(scores, expected, atol=1e-4, rtol=1e-4)


def test_language_on_another_grid_comes_to_the_features():
    one = seen(2, (4, 5), (8, 10))
    expected = F.interpolate(one.language[None], (4, 5), mode="bilinear")[0].div(T.language).log_softmax(0)
    scores = SCORERS["reco2"](one, (4, 5), plain(language=True), T)
    torch.testing.assert_close(scores, expected, atol=1e-4, rtol=1e-4)


def test_words_that_were_taught_count_more_than_the_archive():
    """One concept is a taught word, one half so, one is none."""
    one = seen()
    known, photo = torch.tensor([1.0, 0.5, 0.0]), torch.tensor([9.0, -2.0, 1.0])
    taught = TaughtWords(known, maps(4, 3, 4, 5), photo, torch.zeros(3, 3), torch.eye(3))

    def score(**switches: bool) -> torch.Tensor:
        return SCORERS["reco2"](one._replace(words=taught), (4, 5), plain(**switches), T)

    def alone(part: str) -> torch.Tensor:
        return SCORERS["reco2"](one, (4, 5), plain(**{part: True}), T)

    reference, language, gate = (alone(part) for part in ("reference", "language", "gate"))
    found = score(reference=True, language=True, gate=True, words=True)
    place = (2, 3)
    for k, photo in enumerate((T.certain, -2.0, 1.0)):  # the first one's is cut off
        known, here = float(taught.known[k]), taught.maps[k]
        expected = (1 - known + known * T.word_reference) * float(reference[k][place])
        expected += (1 - known + known * T.word_language) * float(language[k][place])
        expected += (1 - known) * (float(gate[k][place]) + T.unknown)
        said = float(here[place]) - taken(sum(here.flatten().tolist()) / 20)
        expected += known * (said + T.word_in_photo * photo)
        assert found[k][place].item() == pytest.approx(expected, abs=1e-4)
    torch.testing.assert_close(score(reference=True), reference)  # the switch
    odds = score(reference=True, gate=True, words=True) - score(reference=True, words=True)
    assert odds[0, 0, 0].item() == pytest.approx(T.word_in_photo * T.certain, abs=1e-4)


def test_a_name_is_known_by_the_words_that_mean_the_same():
    """Three words, one of them with another name; a text that is a word, its other name, near it, or none of them."""
    axis = torch.eye(4)
    words = Words(
        torch.stack([axis[0], axis[1], axis[2], axis[3]]),
        torch.tensor([0, 1, 2, 1]),
        torch.tensor([[0, 2]]),
        torch.zeros(3, 3).bool(),
    )
    photo, positions = torch.tensor([[1.0, 2.0, 3.0]]), maps(5, 1, 2, 2, 3)
    flat = F.normalize(maps(6, 1, 2, 2, 4), dim=-1)
    encoded = Encoded(flat[:, 0, 0], flat, flat, words=(photo, positions))
    stats = BackgroundStats(torch.zeros(4), torch.eye(4))
    scorer = PhotoScorer(T, (1.0, 1.0, 1.0, 0.0), stats, stats, words)
    near = F.normalize(torch.tensor([0.7, 0.0, 0.714, 0.0]), dim=0)
    texts = torch.stack([axis[0], axis[3], near, torch.full((4,), 0.5)])
    found = scorer.taught(encoded, texts)
    assert found.known[:2].tolist() == [1, 1]
    assert 0 < found.known[2] < 1
    assert found.known[3] == 0
    assert found.photo[:2].tolist() == [1, 2]
    assert 1 < found.photo[2] < 3  # between two words that are as near
    torch.testing.assert_close(found.maps[1], positions[0, ..., 1])
    assert found.kinds.nonzero().tolist() == [[0, 2]]  # it is nearer to the third word than to the first
    assert scorer.taught(encoded, axis[[0, 2]]).kinds.tolist() == [[0, 1], [0, 0]]
    assert PhotoScorer(T, (1.0, 1.0, 1.0, 0.0), stats, stats).taught(encoded, texts) is None


def test_a_word_is_what_its_kinds_leave():
    """Water, sea, dog: at one place surely the sea, at another water of some other kind."""
    log_odds = torch.tensor([[[5.0, 4.0]], [[4.5, -3.0]], [[-2.0, 1.0]]])
    kinds = torch.tensor([[0.0, 1, 0], [0, 0, 0], [0, 0, 0]])
    taught = TaughtWords(torch.ones(3), log_odds, log_odds[:, 0, 0], kinds, torch.eye(3))
    apart = taught.apart()
    torch.testing.assert_close(apart.maps[1:], log_odds[1:], rtol=0, atol=0)
    for place in (0, 1):
        water, sea = (1 / (1 + math.exp(-float(odds[0, place]))) for odds in log_odds[:2])
        left = max(water - sea, 1e-3)
        assert apart.maps[0, 0, place].item() == pytest.approx(math.log(left / (1 - left)), abs=1e-3)
    assert apart.maps[0, 0, 0] < apart.maps[1, 0, 0]
    assert apart.maps[0, 0, 1] > apart.maps[1, 0, 1]
    torch.testing.assert_close(apart.photo, apart.maps[:, 0, 0])


def test_what_nobody_asked_for_competes_where_it_shares_no_place():
    """Four words: cat, sofa, animal, wall. Beside a cat the sofa and the wall compete, not the animal."""
    axis = torch.eye(5)
    excludes = torch.tensor([[0, 1, 0, 1], [1, 0, 1, 1], [0, 1, 0, 1], [1, 1, 1, 0]]).bool()
    words = Words(axis[:4], torch.arange(4), torch.tensor([[2, 0]]), excludes)
    photo, positions = torch.tensor([[1.0, 9.0, 2.0, -1.0]]), maps(7, 1, 3, 4, 4)
    flat = F.normalize(maps(8, 1, 3, 4, 5), dim=-1)
    encoded = Encoded(flat[:, 0, 0], flat, flat, words=(photo, positions))
    stats = BackgroundStats(torch.zeros(5), torch.eye(5))
    scorer = PhotoScorer(T, (1.0, 1.0, 1.0, 0.0), stats, stats, words)
    cat, sofa, strange = (Concept(name, axis[i], axis[i], ExemplarStats(1, 1, 1, 0)) for name, i in ASKED)

    def others(scorer, *asked, **options):
        taught = scorer.taught(encoded, torch.stack([concept.text for concept in asked]))
        return scorer.others(encoded, taught.known, taught.shares, **options)

    found = others(scorer, cat)
    for place in ((0, 0), (2, 3)):
        said = []
        for word in (1, 3):
            here = positions[0, ..., word]
            mean = sum(here.flatten().tolist()) / 12
            said.append(float(here[place]) - taken(mean) + T.word_in_photo * min(float(photo[0, word]), T.certain))
        assert found[place].item() == pytest.approx(max(said), abs=1e-5)
    wall = others(scorer, cat, sofa)
    alone = positions[0, ..., 3] - taken(positions[0, ..., 3].mean()) - T.word_in_photo
    torch.testing.assert_close(wall, alone)
    assert (others(scorer, cat, strange) <= NEVER).all()  # what a strange word excludes is not known
    here = torch.stack([positions[0, ..., word] - taken(positions[0, ..., word].mean()) for word in (1, 3)])
    torch.testing.assert_close(others(scorer, cat, gate=False), here.amax(0))  # what the photo says is left out
    assert PhotoScorer(T, (1.0, 1.0, 1.0, 0.0), stats, stats).taught(encoded, axis[:1]) is None

    taught = scorer.compare(encoded, [cat, sofa])
    apart, together = (SCORERS["reco2"](taught._replace(others=o), (3, 4), Scoring("reco2"), T) for o in (None, found))
    assert together.shape == (3, 3, 4)
    torch.testing.assert_close(together[:2], apart)
    smoothed = smooth_all(taught._replace(others=found), Scoring("reco2"), T)
    kept = combine(smoothed._replace(words=None, others=None), plain(reference=True), T)
    again = combine(smoothed, plain(reference=True, words=True), T)
    torch.testing.assert_close(again[2], smoothed.others + T.word_reference * kept.mean(0) - T.others)
    switched = SCORERS["reco2"](taught._replace(others=found), (3, 4), Scoring("reco2", others=False), T)
    torch.testing.assert_close(switched, apart)


def test_a_word_has_the_positions_at_which_it_says_most():
    """Four words, of which one shares its places with any other and has none of its own; two have names before them."""
    axis, grid = torch.eye(6), (3, 4)
    excludes = torch.tensor([[0, 1, 0, 1], [1, 0, 0, 1], [0, 0, 0, 0], [1, 1, 0, 0]]).bool()
    words = Words(axis, torch.arange(6), torch.zeros(0, 2).long(), excludes)
    photo, positions = torch.tensor([[9.0, 9.0, 1.0, -2.0, 8.0, 0.5]]), maps(9, 1, *grid, 6)
    features = F.normalize(maps(10, 1, *grid, 6), dim=-1)
    encoded = Encoded(features[:, 0, 0], features, features, words=(photo, positions))
    stats = BackgroundStats(torch.zeros(6), torch.eye(6))
    areas = PhotoScorer(T, (1.0, 1.0, 1.0, 0.0), stats, stats, words).word_areas(encoded)

    weights = score_maps.affinity(features[0], T.affinity_gain, T.affinity_shift)
    best = []
    for place in range(12):
        said = {}
        for word in (0, 1, 3):
            own = positions[0, ..., 2 + word].flatten()
            here = own - taken(own.mean()) + T.word_in_photo * min(float(photo[0, 2 + word]), T.certain)
            said[word] = float((weights[place] * here).sum())
        best.append(max(said, key=said.get))
    assert areas.tolist() == pytest.approx([best.count(word) / 12 for word in range(4)])
    assert PhotoScorer(T, (1.0, 1.0, 1.0, 0.0), stats, stats).word_areas(encoded) is None
