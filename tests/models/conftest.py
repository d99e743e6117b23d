"""Encoders with random weights: small ones, and of the presets' real sizes among the slow tests."""

import pytest
import torch
from support.small_networks import CLIPS, PAPERS, quick

from reco_core.models.clip_encoder import ClipEncoder


@pytest.fixture(scope="module", params=PAPERS)
def paper(request, random_networks) -> ClipEncoder:
    return ClipEncoder.build(quick(request.param), random_networks(request.param), "cpu", torch.float32)


@pytest.fixture(scope="module", params=CLIPS)
def clip(request, random_networks) -> ClipEncoder:
    return ClipEncoder.build(request.param, random_networks(request.param), "cpu", torch.float32)
