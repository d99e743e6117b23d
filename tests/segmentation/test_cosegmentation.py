"""Co-segmentation against loops written from the formulas alone."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from reco_core.errors import OptionError
from reco_core.evaluation.authors_code import AuthorsCode
from reco_core.evaluation.authors_code import cosegment as authors_cosegment
from reco_core.segmentation import cosegmentation
from reco_core.segmentation.cosegmentation import (
    calibrated_guidance,
    context_elimination,
    context_shares,
    cosegment,
    language_guidance,
)
from reco_core.segmentation.rounding import rounded

LOW = (torch.bfloat16, torch.int8)


def naive_support(features: np.ndarray, weights: np.ndarray, rows: bool = False) -> np.ndarray:
    """s(p) = mean over images j of max over q in j of (f_p . f_q) w_q, in float64, loop by loop."""
    unit = features.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=-1, keepdims=True)
    k, n, _ = unit.shape
    support = np.zeros((k, n))
    for i in range(k):
        for p in range(n):
            maxima = [max(float(unit[i, p] @ unit[j, q]) * weights[j, q] for q in range(n)) for j in range(k)]
            support[i, p] = sum(maxima) / k * (weights[i, p] if rows else 1)
    return support


def random_case(seed: int, k: int = 5, n: int = 12, channels: int = 16) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(k, n, channels, generator=generator) + torch.randn(channels, generator=generator)
    return features, torch.rand(k, n, generator=generator) * 0.8 + 0.01


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("options", [{}, {"weight_rows": True}])
def test_support_and_seeds_equal_naive_loops(seed, options):
    features, weights = random_case(seed)
    expected = naive_support(features.numpy(), weights.double().numpy(), options.get("weight_rows", False))
    result = cosegment(features, weights, precision=torch.float32, **options)
    np.testing.assert_allclose(result.support.numpy(), expected, atol=1e-5)
    assert result.seeds.tolist() == expected.argmax(-1).tolist()
    picked = F.normalize(features, dim=-1)[torch.arange(5), result.seeds]
    torch.testing.assert_close(result.reference, F.normalize(picked.mean(0), dim=0))


@pytest.mark.parametrize("block", [1, 40_000, 10**9])
def test_block_size_changes_nothing(monkeypatch, block):
    features, weights = random_case(7, k=9, n=30)
    expected = cosegment(features, weights, precision=torch.float32)
    monkeypatch.setattr(cosegmentation, "BLOCK_BYTES", block)
    result = cosegment(features, weights, precision=torch.float32)
    torch.testing.assert_close(result.support, expected.support)
    assert torch.equal(result.seeds, expected.seeds)


def near_ties(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(64, generator=generator) + 0.05 * torch.randn(8, 60, 64, generator=generator)
    return features, 0.5 + 0.001 * torch.rand(8, 60, generator=generator)


@pytest.mark.parametrize("precision", LOW)
@pytest.mark.parametrize("options", [{}, {"weight_rows": True}])
@pytest.mark.parametrize("seed", range(6))
def test_low_precision_finds_the_float32_seeds_even_when_they_are_close(seed, options, precision):
    features, weights = near_ties(seed)
    exact = cosegment(features, weights, precision=torch.float32, **options)
    fast = cosegment(features, weights, precision=precision, **options)
    assert torch.equal(exact.seeds, fast.seeds)
    torch.testing.assert_close(exact.reference, fast.reference)
    at = torch.arange(8), exact.seeds
    torch.testing.assert_close(exact.support[at], fast.support[at], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("precision", LOW)
def test_low_precision_needs_its_rescoring(precision):
    """The cases above are such that low precision alone gets some wrong; otherwise that test would show nothing."""
    wrong = 0
    for seed in range(6):
        features, weights = near_ties(seed)
        weighted = F.normalize(features, dim=-1) * weights[..., None]
        alone = (cosegmentation.image_maxima(rounded(weighted, precision)).mean(-1) / weights).argmax(-1)
        wrong += not torch.equal(alone, cosegment(features, weights, precision=torch.float32).seeds)
    assert wrong


@pytest.mark.parametrize("precision", LOW)
def test_few_positions_are_scored_again(monkeypatch, precision):
    scored = []
    exact = cosegmentation.exact_support
    monkeypatch.setattr(cosegmentation, "exact_support", lambda w, i, p: scored.append(len(i)) or exact(w, i, p))
    features, weights = random_case(3, k=6, n=200, channels=64)
    cosegment(features, weights, precision=precision)
    assert 6 <= sum(scored) < 0.1 * 6 * 200


def test_the_seeds_are_those_of_the_authors_way_but_for_their_span():
    features, weights = random_case(11, k=7, n=40)
    theirs = authors_cosegment(features, weights, AuthorsCode(raw_seeds=True))
    for precision in (None, torch.float32, *LOW):
        assert torch.equal(cosegment(features, weights, precision=precision).seeds, theirs.seeds)


def test_real_features_give_the_seeds_of_naive_loops(reco):
    text = reco.encoder.embed_names(("cat",))[0]
    rows = reco.archive.search(text, 4).rows
    features = reco.archive.features(rows)[:, ::4]
    weights = language_guidance(reco.archive.language(rows)[:, ::4], text)
    expected = naive_support(features.numpy(), weights.double().numpy())
    for precision in (torch.float32, *LOW):
        result = cosegment(features, weights, precision=precision)
        assert result.seeds.tolist() == expected.argmax(-1).tolist()


def test_language_guidance_formula():
    language, text = F.normalize(torch.randn(3, 4, 8), dim=-1), F.normalize(torch.randn(8), dim=-1)
    weights = language_guidance(language, text)
    cosine = sum(float(a) * float(b) for a, b in zip(language[1, 2], text, strict=True))
    assert weights[1, 2].item() == pytest.approx(1 / (1 + math.exp(-10 * cosine)), abs=1e-5)


def test_calibrated_guidance_is_one_half_where_it_becomes_unusual():
    assert calibrated_guidance(torch.tensor([2.0, 3.0])).tolist() == pytest.approx([0.5, 1 / (1 + math.exp(-1))])
    assert calibrated_guidance(torch.tensor(-1e4)) > 0


def test_near_synonyms_are_spared_from_elimination():
    text = torch.tensor([1.0, 0.0])
    context = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.2, 0.96**0.5], [-0.6, 0.8]])
    assert context_shares(text, context).tolist() == pytest.approx([0, 1, 0.5, 1])
    features = F.normalize(torch.randn(4, 2, generator=torch.Generator().manual_seed(2)), dim=-1)
    spared = context_elimination(features, context, context_shares(text, context))
    for position, feature in enumerate(features):
        kept = [1 - 1 / (1 + math.exp(-float(feature @ c))) for c in context]
        assert spared[position].item() == pytest.approx(kept[1] * kept[2] ** 0.5 * kept[3], abs=1e-6)


def test_context_elimination_formula():
    features, context = F.normalize(torch.randn(2, 6, 8), dim=-1), F.normalize(torch.randn(3, 8), dim=-1)
    expected = 1.0
    for c in range(3):
        expected *= 1 - 1 / (1 + math.exp(-float(features[1, 4] @ context[c])))
    assert context_elimination(features, context)[1, 4].item() == pytest.approx(expected, abs=1e-6)
    assert torch.equal(context_elimination(features, context[:0]), torch.ones(2, 6))


def test_one_image_and_one_position():
    features, _ = random_case(1, k=1, n=1)
    assert cosegment(features).seeds.tolist() == [0]


@pytest.mark.parametrize(
    ("features", "weights", "options"),
    [
        (torch.randn(3, 4), None, {}),
        (torch.randn(0, 4, 2), None, {}),
        (torch.randn(2, 4, 2), torch.ones(2, 3), {}),
        (torch.randn(2, 4, 2), torch.zeros(2, 4), {}),
        (torch.randn(2, 4, 2), None, {"precision": torch.float16}),
    ],
)
def test_bad_arguments_are_explained(features, weights, options):
    with pytest.raises(OptionError, match=r"Given: "):
        cosegment(features, weights, **options)


def test_shares_count_from_what_is_usual_between_names():
    """In a narrow cone, as CLIP's texts are, all names look alike until their common part is taken off."""
    random = torch.Generator().manual_seed(6)
    common = torch.nn.functional.normalize(torch.randn(64, generator=random), dim=0)
    own = torch.nn.functional.normalize(torch.randn(5, 64, generator=random), dim=-1)
    words = torch.nn.functional.normalize(common + 0.5 * own, dim=-1)
    usual = cosegmentation.usual_cosine(words)
    pairs = [float(words[i] @ words[j]) for i in range(5) for j in range(5) if i != j]
    assert usual == pytest.approx(sum(pairs) / len(pairs), abs=1e-5)
    assert usual > 0.6
    shares = cosegmentation.context_shares(words[0], words[1:], usual)
    assert shares.mean() > 0.8
    assert cosegmentation.context_shares(words[0], words[1:]).max() == 0
    assert cosegmentation.context_shares(words[0], words[:1], usual).item() == 0
    assert cosegmentation.usual_cosine(words[:1]) == 0
