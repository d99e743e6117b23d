"""Co-segmentation against loops written from the formulas alone."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from reco_core.errors import OptionError
from reco_core.segmentation import cosegmentation
from reco_core.segmentation.cosegmentation import (
    calibrated_guidance,
    context_elimination,
    context_shares,
    cosegment,
    language_guidance,
)


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
    result = cosegment(features, weights, **options)
    np.testing.assert_allclose(result.support.numpy(), expected, atol=1e-5)
    assert result.seeds.tolist() == expected.argmax(-1).tolist()
    picked = F.normalize(features, dim=-1)[torch.arange(5), result.seeds]
    torch.testing.assert_close(result.reference, F.normalize(picked.mean(0), dim=0))


@pytest.mark.parametrize("block", [1, 40_000, 10**9])
def test_block_size_changes_nothing(monkeypatch, block):
    features, weights = random_case(7, k=9, n=30)
    expected = cosegment(features, weights)
    monkeypatch.setattr(cosegmentation, "BLOCK_BYTES", block)
    result = cosegment(features, weights)
    torch.testing.assert_close(result.support, expected.support)
    assert torch.equal(result.seeds, expected.seeds)


@pytest.mark.parametrize("seed", range(6))
def test_bf16_finds_the_float32_seeds_even_when_they_are_close(seed):
    generator = torch.Generator().manual_seed(seed)
    shared = torch.randn(64, generator=generator)
    features = shared + 0.05 * torch.randn(8, 60, 64, generator=generator)  # near ties everywhere
    weights = 0.5 + 0.001 * torch.rand(8, 60, generator=generator)
    exact, fast = cosegment(features, weights), cosegment(features, weights, precision=torch.bfloat16)
    assert torch.equal(exact.seeds, fast.seeds)
    torch.testing.assert_close(exact.reference, fast.reference)


def test_bf16_needs_its_rescoring():
    """The case above is one that bfloat16 alone gets wrong; otherwise that test would show nothing."""
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(64, generator=generator) + 0.05 * torch.randn(8, 60, 64, generator=generator)
    weights = 0.5 + 0.001 * torch.rand(8, 60, generator=generator)
    weighted = F.normalize(features, dim=-1) * weights[..., None]
    rounded = (cosegmentation.image_maxima(weighted.bfloat16()).mean(-1) / weights).argmax(-1)
    assert not torch.equal(rounded, cosegment(features, weights).seeds)


def test_real_features_give_the_seeds_of_naive_loops(reco):
    text = reco.encoder.embed_names(("cat",))[0]
    rows = reco.archive.search(text, 4).rows
    features = reco.archive.features(rows)[:, ::4]
    weights = language_guidance(reco.archive.language(rows)[:, ::4], text)
    expected = naive_support(features.numpy(), weights.double().numpy())
    for precision in (torch.float32, torch.bfloat16):
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
