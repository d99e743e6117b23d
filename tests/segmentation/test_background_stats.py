"""Standard deviations against numpy's way."""

import torch

from reco_core.segmentation.background_stats import background_stats, z_score


def test_z_score():
    generator = torch.Generator().manual_seed(8)
    embeddings, texts = torch.randn(500, 4, generator=generator), torch.randn(3, 4, generator=generator)
    stats = background_stats(embeddings)
    similarities = embeddings @ texts.T
    z = z_score(torch.full((3,), 0.7), texts, stats)
    expected = (0.7 - similarities.mean(0)) / similarities.std(0, correction=0)
    torch.testing.assert_close(z, expected, atol=1e-4, rtol=1e-4)
