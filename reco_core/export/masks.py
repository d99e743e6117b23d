"""A picture for each name: what is marked, as a mask or cut out of the photo."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from reco_core.export.cutouts import cut_out
from reco_core.export.file_names import name_keys
from reco_core.export.report import save_png

MASKS, CUTOUTS = "masks", "cutouts"  # the folders


def write_masks(labels: np.ndarray, names: Sequence[str], folder: Path, key: str) -> None:
    """Write masks/KEY.NAME.png for each name: 255 where labels (H, W) have it, else 0. Raises OSError."""
    for label, name in enumerate(name_keys(names), 1):
        mask = np.where(labels == label, 255, 0).astype(np.uint8)
        save_png(Image.fromarray(mask), folder / MASKS / f"{key}.{name}.png")


def write_cutouts(photo: np.ndarray, labels: np.ndarray, names: Sequence[str], folder: Path, key: str) -> None:
    """Write cutouts/KEY.NAME.png for each name that labels (H, W) have: what `cut_out` takes of the photo (H, W, 3).

    Raises OSError.
    """
    for label, name in enumerate(name_keys(names), 1):
        if (cut := cut_out(photo, labels == label)) is not None:
            save_png(Image.fromarray(cut), folder / CUTOUTS / f"{key}.{name}.png")
