"""The colours of masks, for all eyes. Naive code: colours to CIE Lab, and how colour-blind people see them."""

import gradio as gr
import numpy as np
import pytest
from skimage.color import rgb2lab

from reco_core.utils.visualize import colour, palette

# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
EYES = {
    "all three cones": np.eye(3),
    "no green cones": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "no red cones": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
}


def seen(colours: np.ndarray, eye: np.ndarray) -> np.ndarray:
    """Colours (n, 3), 0..255, in CIE Lab, as these eyes see them."""
    rgb = colours / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    mixed = (linear @ eye.T).clip(0, 1)
    return rgb2lab(np.where(mixed <= 0.0031308, 12.92 * mixed, 1.055 * mixed ** (1 / 2.4) - 0.055)[None])[0]


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.linalg.norm(a[:, None] - b[None], axis=-1)


@pytest.mark.parametrize("eye", EYES)
def test_the_first_twelve_are_told_apart(eye):
    lab = seen(palette(12)[1:].astype(float), EYES[eye])
    assert distances(lab, lab)[~np.eye(12, dtype=bool)].min() > 20


@pytest.mark.parametrize("count,apart", [(12, 35), (100, 20)])
def test_none_is_taken_for_the_brands_rose(count, apart):
    rose = gr.themes.colors.rose
    brand = [[int(tone[i : i + 2], 16) for i in (1, 3, 5)] for tone in (rose.c400, rose.c500, rose.c600)]
    masks = seen(palette(count)[1:].astype(float), np.eye(3))
    assert distances(masks, seen(np.array(brand, float), np.eye(3))).min() > apart


def test_the_same_in_every_run():
    assert [colour(0), colour(11)] == [(85, 136, 255), (136, 119, 0)]
