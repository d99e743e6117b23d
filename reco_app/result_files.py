"""Results as files to download, which Gradio serves."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from reco_core.export import label_image
from reco_core.types import Discovery, Segmentation


def write_overlay(picture: np.ndarray, folder: Path) -> str:
    """A picture (H, W, 3) uint8 as a PNG to download: its path."""
    file = folder / "overlay.png"
    Image.fromarray(picture).save(file, compress_level=1)
    return str(file)


def write_labels(result: Segmentation | Discovery, description: dict, folder: Path) -> tuple[str, str]:
    """Labels as large as the photo, and what is known of them: paths of a PNG and of a JSON file."""
    labels, known = folder / "labels.png", folder / "result.json"
    label_image(result).save(labels)
    known.write_text(json.dumps(description, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return str(labels), str(known)
