"""Pillow's bytes, by operations that ONNX has."""

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image

from reco_core.export.page.resize import resize


@pytest.mark.parametrize(
    ("photo", "size"),
    [
        (skimage.data.coffee(), (336, 496)),
        (skimage.data.astronaut(), (64, 90)),
        (skimage.data.chelsea()[:299], (336, 512)),
        (skimage.data.coffee()[:16, :90], (336, 1344)),
    ],
    ids=["shrunk", "to an eighth", "enlarged", "one pixel of a few"],
)
def test_the_same_bytes(photo, size):
    wanted = Image.fromarray(photo).resize(size[::-1], Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(resize(torch.tensor(photo), size, 8).numpy(), wanted)
