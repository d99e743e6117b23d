"""Labelled folders as `open_folder` reads them, of the real photos that scikit-image carries."""

import json
from pathlib import Path

import numpy as np
from PIL import Image


def write_folder(folder: Path, photos: dict[str, np.ndarray], truth: dict[str, np.ndarray], meta: dict) -> Path:
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    for name, photo in photos.items():
        Image.fromarray(photo).save(folder / "images" / f"{name}.jpg", quality=95)
        Image.fromarray(truth[name]).save(folder / "labels" / f"{name}.png")
    (folder / "meta.json").write_text(json.dumps(meta))
    return folder


def three(real_photos: dict[str, np.ndarray], folder: Path) -> Path:
    """A cat, a cup and a motorcycle, at half size, with rough labels: their middle is the thing."""
    photos = {name: np.ascontiguousarray(real_photos[name][::2, ::2]) for name in ("cat", "coffee", "motorcycle")}
    truth = {name: np.zeros(photo.shape[:2], np.uint8) for name, photo in photos.items()}
    truth["cat"][30:120, 40:175] = 1
    truth["coffee"][40:150, 80:220] = 2
    truth["motorcycle"][75:210, 75:300] = 3
    truth["cat"][:10] = 255
    meta = {"classes": ["background", "cat", "cup", "motorbike"], "background": 0, "ignore": 255}
    return write_folder(folder, photos, truth, meta)


def without_seconds(report: dict) -> dict:
    """What two runs of the same must have in common."""
    rows = {name: {k: v for k, v in row.items() if k != "seconds_per_photo"} for name, row in report["methods"].items()}
    return {**report, "methods": rows}
