"""What ReCo takes as a photo."""

import numpy as np
import pytest
import torch
from PIL import Image

from reco_core.errors import PhotoError


def test_photos_may_come_in_other_forms(reco, cat):
    references = reco.prepare(["cat"])
    expected = reco.segment(cat, references).scores
    for given in (cat / 255, cat.transpose(2, 0, 1), Image.fromarray(cat), torch.from_numpy(cat)):
        result = reco.segment(given, references)
        assert result.labels.shape == cat.shape[:2]
        np.testing.assert_array_equal(result.scores, expected)
    grey = reco.encode(cat[..., 0])
    assert torch.equal(grey.embedding, reco.encode(np.dstack([cat[..., 0]] * 3)).embedding)


def test_what_is_no_photo_is_refused(reco):
    references = reco.prepare(["cat"])
    for call in (reco.encode, lambda photo: reco.segment(photo, references)):
        with pytest.raises(PhotoError, match=r"empty.*Expected: an array \(H, W, 3\)"):
            call(np.zeros((0, 0, 3), np.uint8))
