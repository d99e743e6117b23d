"""Pictures and files inside an answer, so that nothing lies on the server for others to find."""

import base64
import io
import zlib

import numpy as np
from PIL import Image

from reco_core.export import label_image
from reco_core.export.coco import outlined
from reco_core.types import Discovery, Segmentation

PNG, ZIP = "data:image/png;base64,", "data:application/zip;base64,"


def png(picture: np.ndarray | Image.Image) -> str:
    """A picture, (H, W, 3) or (H, W) uint8, as a PNG's data URL."""
    image, packed = picture if isinstance(picture, Image.Image) else Image.fromarray(picture), io.BytesIO()
    # Of a photo runs are all that compresses in little time, and looking for more makes it larger.
    image.save(packed, "PNG", compress_level=1, compress_type=zlib.Z_RLE)
    return PNG + base64.b64encode(packed.getvalue()).decode()


def zip_url(data: bytes) -> str:
    """A zip's data URL."""
    return ZIP + base64.b64encode(data).decode()


def pictures(result: Segmentation | Discovery, overlay: np.ndarray) -> dict[str, str]:
    """The overlay (h, w, 3) uint8, and labels as large as the photo."""
    return {"overlay": png(overlay), "labels": png(label_image(result))}


def place(labels: np.ndarray, label: int) -> dict:
    """Where a label is in labels (H, W): its box, area and mask, each null if it is nowhere."""
    found = outlined(labels == label)
    if found is None:
        return {"box": None, "area": 0, "mask": None}
    return {"box": found["bbox"], "area": found["area"], "mask": found["segmentation"]}


def soft(scores: np.ndarray) -> np.ndarray:
    """Scores (K + 1, h, w) as what of each pixel is each name's, 0..255 uint8; over background and names they add up
    to 255. Some methods give logarithms, some products of probabilities.
    """
    logs = scores if scores.min() < 0 else np.log(np.maximum(scores, 1e-9))
    odds = np.exp(logs - logs.max(0))
    return np.rint(255 * odds / odds.sum(0)).astype(np.uint8)
