"""Rounded features: their products are off by no more than is said."""

import pytest
import torch
import torch.nn.functional as F

from reco_core.segmentation import rounding
from reco_core.segmentation.rounding import STORED, rounded


@pytest.mark.parametrize("precision", STORED)
def test_products_are_within_the_bound_also_where_one_channel_is_far_larger(precision):
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(3, 20, 48, generator=generator) * torch.rand(3, 20, 1, generator=generator)
    features[..., 5] *= 30
    features[1, 4] = 0  # says nothing, divides by nothing
    factors = rounded(features, precision)
    norm, error = features.norm(dim=-1).double(), factors.error.double()
    for i in range(3):
        exact = torch.einsum("mqc,pc->mqp", features.double(), features[i].double())
        off = (factors.products(slice(0, 3), i) - exact).abs()
        bound = error[:, :, None] * norm[i] + (norm + error)[:, :, None] * error[i]
        allowed = bound + (STORED[precision] + 1e-6) * norm[:, :, None] * norm[i]
        assert (off <= allowed).all()
    if precision != torch.float32:
        assert (off > 0).any()


def test_int8_is_chosen_only_where_its_sums_cannot_saturate(monkeypatch):
    for known, expected in (({"avx512_vnni": True}, torch.int8), ({"avx2": True}, torch.float32)):
        rounding._has_vnni.cache_clear()
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda known=known: known)
        assert rounding.fastest(torch.device("cpu")) == expected
        assert rounding.fastest(torch.device("cuda")) == torch.float32
    rounding._has_vnni.cache_clear()


@pytest.mark.parametrize("count", [1, 7, 64])
def test_int8_products_are_exact_for_any_shape(count):
    generator = torch.Generator().manual_seed(2)
    left, right = (torch.randint(-127, 128, (n, count), generator=generator).to(torch.int8) for n in (5, count))
    assert torch.equal(rounding.products(left, right), (left.int() @ right.int().T))


def test_int8_keeps_what_is_small_beside_others():
    """Every position has a step of its own: weights of 1e-6 are as exact as those of 1."""
    features = F.normalize(torch.randn(1, 2, 32, generator=torch.Generator().manual_seed(4)), dim=-1)
    features[0, 1] *= 1e-6
    assert float(rounded(features, torch.int8).error[0, 1]) < 1e-8
