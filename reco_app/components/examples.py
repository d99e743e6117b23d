"""Example photos: scikit-image's, which come inside the package, with names to look for."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr
import skimage.data
from gradio.helpers import Examples
from PIL import Image

EXAMPLES = (
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
        rows = []
        for name, load, names in EXAMPLES:
            rows.append([f"{scratch}/{name}.jpg", names])
            Image.fromarray(load()).save(rows[-1][0], quality=93)
        yield rows


def one_click(rows: list[list[str]], inputs: list[Any], elem_id: str) -> Examples:
    """Examples to click on. rows: what each puts into `inputs`."""
    return gr.Examples(
        rows, inputs, label="Examples: one click", cache_examples=False, api_visibility="private", elem_id=elem_id
    )
