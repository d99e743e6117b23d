"""Example photos: scikit-image's, which come inside the package, with names to look for."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image

EXAMPLES: tuple[tuple[str, Callable[[], np.ndarray], str], ...] = (
    ("chelsea", skimage.data.chelsea, "cat, dog"),
    ("motorcycle", lambda: skimage.data.stereo_motorcycle()[0], "motorcycle"),
    ("astronaut", skimage.data.astronaut, "spacesuit"),
    ("coffee", skimage.data.coffee, "coffee cup"),
    ("rocket", skimage.data.rocket, "rocket"),
)


@contextmanager
def example_files() -> Iterator[list[list[str]]]:
    """Rows of a photo's file and names, until Gradio has copied what a tab takes of them."""
    with tempfile.TemporaryDirectory() as scratch:
        files = [(Path(scratch) / f"{name}.jpg", load, names) for name, load, names in EXAMPLES]
        for file, load, _ in files:
            Image.fromarray(load()).save(file, quality=93)
        yield [[str(file), names] for file, _, names in files]
