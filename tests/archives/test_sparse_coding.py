"""Seven bytes a vector: against plain loops, and how much of real language maps they keep."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from reco_core.archives import sparse_coding
from reco_core.errors import OptionError


def words(count: int, dimension: int, seed: int = 0) -> torch.Tensor:
    return F.normalize(torch.randn(count, dimension, generator=torch.Generator().manual_seed(seed)), dim=-1)


def test_sums_of_four_words_survive():
    atoms = words(300, 64)
    generator = torch.Generator().manual_seed(1)
    picked = torch.stack([torch.randperm(300, generator=generator)[:4] for _ in range(50)])
    weights = torch.rand(50, 4, generator=generator) * 0.7 + 0.3
    vectors = F.normalize((weights[..., None] * atoms[picked]).sum(1), dim=-1)
    codes = sparse_coding.pack(vectors, atoms)
    assert codes.shape == (50, sparse_coding.BYTES)
    assert codes.dtype == torch.uint8
    assert (sparse_coding.unpack(codes, atoms) * vectors).sum(-1).min() > 0.98  # weights have 15 levels


def test_close_to_the_best_four_words_of_all():
    """Sums of all nine words: greedy choice against every set of four, weights by least squares."""
    atoms = words(9, 24)
    vectors = F.normalize(torch.rand(8, 9, generator=torch.Generator().manual_seed(3)) @ atoms, dim=-1)
    got = (sparse_coding.unpack(sparse_coding.pack(vectors, atoms), atoms) * vectors).sum(-1)
    for vector, cosine in zip(vectors, got.tolist(), strict=True):
        best = 0.0
        for group in itertools.combinations(range(9), 4):
            weights = np.linalg.lstsq(atoms[list(group)].T.numpy(), vector.numpy(), rcond=None)[0].clip(0)
            fitted = weights @ atoms[list(group)].numpy()
            best = max(best, float(fitted @ vector.numpy() / max(np.linalg.norm(fitted), 1e-9)))
        assert cosine > 0.95 * best


def test_real_language_maps_keep_their_direction(reco, cat):
    language = reco.encoder.encode_photo(cat).language.flatten(0, 2)
    again = sparse_coding.unpack(sparse_coding.pack(language, reco.encoder.names), reco.encoder.names)
    assert (language * again).sum(-1).mean() > 0.92


@pytest.mark.parametrize("count", [3, 2049])
def test_dictionaries_that_do_not_fit(count):
    with pytest.raises(OptionError, match="does not fit"):
        sparse_coding.pack(words(2, 8), words(count, 8))
