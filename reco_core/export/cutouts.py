"""Things cut out of a photo, with smooth edges, to be put anywhere."""

import numpy as np
from PIL import Image, ImageFilter

STEPS = 640  # labels have this many steps along the long side, whatever the photo's size; see `pipeline.WORKING_SIDE`
EDGE = 2.0  # pixels from opaque to transparent
MARGIN = 2  # pixels around the thing


def cut_out(photo: np.ndarray, mask: np.ndarray) -> np.ndarray | None:
    """What a mask (H, W) bool has of a photo (H, W, 3) uint8: (h, w, 4) uint8 RGBA, cropped to it; None if nothing.

    The mask's stairs are smoothed. Wholly transparent pixels are black: nothing of the rest can be brought back.
    """
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    step = max(1.0, max(mask.shape) / STEPS)
    margin = MARGIN + round(step)
    box = tuple(slice(max(0, int(found[0]) - margin), int(found[-1]) + 1 + margin) for found in (rows, columns))
    alpha = smooth_edge(mask[box], step)
    kept = np.where(alpha[..., None] > 0, photo[box], 0)
    return np.concatenate([kept, alpha[..., None]], axis=-1).astype(np.uint8)


def smooth_edge(mask: np.ndarray, step: float) -> np.ndarray:
    """How much of each pixel a mask (H, W) bool covers, 0..255 uint8, if its edge were smooth.

    step: how large its stairs are, in pixels. Where it touches the border it goes on beyond it.
    """
    sigma, pad = max(0.6, 0.8 * step), int(3 * step) + 2
    padded = np.pad(mask, pad, mode="edge")
    image = Image.fromarray(np.where(padded, 255, 0).astype(np.uint8)).filter(ImageFilter.GaussianBlur(sigma))
    blurred = np.asarray(image, np.float32)[pad:-pad, pad:-pad] / 255
    slope = max(1.0, sigma * np.sqrt(2 * np.pi) / EDGE)  # a blurred edge rises by 1 / (sigma sqrt(2 pi)) a pixel
    return (255 * np.clip((blurred - 0.5) * slope + 0.5, 0, 1)).round().astype(np.uint8)
