"""Masks and cut-outs, a file for each name."""

import numpy as np
from PIL import Image
from support.results import shapes

from reco_core.export.cutouts import cut_out
from reco_core.export.masks import write_cutouts, write_masks

NAMES = ("cat", "Straße 猫", "a/b", "nowhere")


def test_masks_are_white_where_the_name_is(tmp_path):
    write_masks(shapes(), NAMES, tmp_path, "2024/beach")
    files = {file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*.png")}
    assert files == {f"masks/2024/beach.{name}.png" for name in ("cat", "Straße 猫", "a_b", "nowhere")}
    for label, name in enumerate(("cat", "Straße 猫", "a_b", "nowhere"), 1):
        mask = np.asarray(Image.open(tmp_path / f"masks/2024/beach.{name}.png"))
        np.testing.assert_array_equal(mask, 255 * (shapes() == label))


def test_cutouts_hold_the_photo_and_nothing_of_the_rest(tmp_path):
    photo = np.random.default_rng(1).integers(1, 255, (40, 60, 3), np.uint8)
    write_cutouts(photo, shapes(), NAMES, tmp_path, "beach")
    np.testing.assert_array_equal(Image.open(tmp_path / "cutouts/beach.cat.png"), cut_out(photo, shapes() == 1))
    assert {file.name for file in (tmp_path / "cutouts").iterdir()} == {
        f"beach.{name}.png" for name in ("cat", "Straße 猫", "a_b")
    }
