"""Superpixels: small regions of a photo that have one colour, for positions to vote in."""

import numpy as np
from skimage.segmentation import slic

COUNT = 400  # of a photo of any size: they are about as large as two patches of the models
COMPACTNESS = 10.0


def superpixels(photo: np.ndarray) -> np.ndarray:
    """Numbers from 0 for the regions of a photo (H, W, 3) uint8: (H, W) int64.

    Source: SLIC, Achanta et al., TPAMI 2012, by scikit-image.
    """
    return slic(photo, COUNT, COMPACTNESS, start_label=0, channel_axis=-1).astype(np.int64)
