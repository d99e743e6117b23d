"""The paper's recipe, on little crops: some steps of ResNet-101."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from support.adapting import painted

from reco_core.adaptation.crops import Crops
from reco_core.adaptation.deeplab import DeepLab
from reco_core.adaptation.recipe import PAPER
from reco_core.adaptation.training import Training
from reco_core.utils.run_control import RunControl


@pytest.mark.slow
def test_its_losses_fall(tmp_path):
    """From random weights, with its own network, stride, rate and losses: they fall."""
    recipe = replace(PAPER, crop=64, side=64, batch=2, steps=40, check=10)
    examples = painted(tmp_path / "photos", 8)
    torch.manual_seed(0)
    network = DeepLab(recipe, 3)
    crops = Crops(examples[2:], np.zeros(3, np.uint8), recipe, 0)
    (tmp_path / "work").mkdir()
    training = Training(network, crops, np.ones(3, np.float32), examples[:2], tmp_path / "work", "cpu")
    made = training.run(RunControl())
    losses = [look.loss for look in training.curve.looks]
    assert training.step == 40 and len(losses) == 4 and losses[-1] < 0.8 * losses[0], losses
    assert not made.training and made.encoder.layer4[0].conv2.dilation == (4, 4), "output stride 8"
