"""Polygons, drawn again by an independent hand."""

import numpy as np
import pytest
from skimage.draw import polygon2mask
from support.results import made_of, shapes

from reco_core.export.results_folder import ResultsFolder
from reco_core.export.yolo import polygons


def drawn(outlines: list[np.ndarray], shape: tuple[int, int], fine: int = 4) -> np.ndarray:
    """The pixels more than half of which lie in the outlines, (n, 2) of (x, y)."""
    inside = np.zeros((fine * shape[0], fine * shape[1]), bool)
    for outline in outlines:
        inside |= polygon2mask(inside.shape, fine * outline[:, ::-1] - 0.5)
    return inside.reshape(shape[0], fine, shape[1], fine).mean((1, 3)) > 0.5


def agreement(a: np.ndarray, b: np.ndarray) -> float:
    return (a & b).sum() / (a | b).sum()


@pytest.mark.parametrize("label", [1, 2, 3])
def test_polygons_have_the_shape_of_the_mask_holes_too(label):
    mask = shapes() == label
    outlines = polygons(mask)
    assert len(outlines) == (2 if label == 2 else 1)
    assert agreement(drawn(outlines, mask.shape), mask) > 0.95


def test_thin_full_and_empty_masks():
    line = np.zeros((20, 30), bool)
    assert polygons(line) == []
    line[5, 2:25] = True
    assert agreement(drawn(polygons(line), line.shape), line) > 0.8
    full = np.ones((20, 30), bool)
    assert agreement(drawn(polygons(full), full.shape), full) == 1
    speck = np.zeros((20, 30), bool)
    speck[3, 4] = True
    assert polygons(speck) == []


def test_noise_stays_small_and_right():
    mask = np.kron(np.random.default_rng(0).random((12, 16)) < 0.7, np.ones((8, 8))).astype(bool)
    assert agreement(drawn(polygons(mask), mask.shape), mask) > 0.95


def test_a_label_file_for_each_photo_and_the_names_for_all(tmp_path):
    results, photo = ResultsFolder(tmp_path, ("yolo",)), np.zeros((40, 60, 3), np.uint8)
    for name, presence in (("a/x.jpg", {"cat": 0.9, "Müller": 0.9, "dim": 0.1}), ("y.jpg", {"Müller": 1.0})):
        key, _ = results.place(name, name)
        labels = np.where(shapes() <= len(presence), shapes(), 0).astype(np.uint8)
        results.write(key, made_of(labels, presence), photo, {"photo": name, "sha256": name}, f"{key}.")
    results.summarise()
    first = [line.split() for line in (tmp_path / "yolo/labels/a/x.txt").read_text().splitlines()]
    assert [line[0] for line in first] == ["0", "1", "1"]  # what was not found is left out
    second = (tmp_path / "yolo/labels/y.txt").read_text().splitlines()
    assert [line[0] for line in map(str.split, second)] == ["1"]  # the same class as in the other photo
    corners = np.array(first[0][1:], float).reshape(-1, 2)
    assert corners.min() >= 0 and corners.max() <= 1
    assert agreement(drawn([corners * (60, 40)], (40, 60)), shapes() == 1) > 0.95
    assert '  0: "cat"\n  1: "Müller"\n' in (tmp_path / "yolo/data.yaml").read_text("utf-8")
