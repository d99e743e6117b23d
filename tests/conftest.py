"""The real models and archive, loaded once; real photos that scikit-image carries."""

import os
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the app and the command line do, before torch is loaded

import numpy as np
import pytest
import skimage.data
from PIL import Image

from reco_core.pipeline import ReCo


@pytest.fixture(scope="session")
def reco() -> ReCo:
    return ReCo.load(device="cpu")


@pytest.fixture(scope="session")
def cat() -> np.ndarray:
    return skimage.data.chelsea()


@pytest.fixture(scope="session")
def real_photos() -> dict[str, np.ndarray]:
    motorcycle, _, _ = skimage.data.stereo_motorcycle()
    return {
        "cat": skimage.data.chelsea(),
        "coffee": skimage.data.coffee(),
        "astronaut": skimage.data.astronaut(),
        "rocket": skimage.data.rocket(),
        "motorcycle": motorcycle,
    }


@pytest.fixture(scope="session")
def photo_folder(real_photos, tmp_path_factory) -> Path:
    """A folder of 20 real photos: five and three crops of each."""
    folder = tmp_path_factory.mktemp("photos")
    for name, photo in real_photos.items():
        height, width = photo.shape[:2]
        crops = [photo, photo[: height * 3 // 4], photo[:, width // 4 :], photo[height // 5 :, : width * 3 // 4]]
        for i, crop in enumerate(crops):
            Image.fromarray(crop).save(folder / f"{name}_{i}.jpg", quality=95)
    return folder


@pytest.fixture(scope="session")
def chelsea(tmp_path_factory) -> Path:
    """Chelsea the cat as a file to upload."""
    file = tmp_path_factory.mktemp("upload") / "chelsea.png"
    Image.fromarray(skimage.data.chelsea()).save(file)
    return file
