"""What COCO's own library reads of our files."""

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from support.results import made_of, shapes

from reco_core.export.coco import pack, run_lengths
from reco_core.export.results_folder import ResultsFolder

PRESENCE = {"Müller": 0.9, "猫": 0.8, "cat": 0.2, "nowhere": 0.1}


@pytest.fixture
def written(tmp_path):
    """Two photos; the second has other names."""
    results, photo = ResultsFolder(tmp_path, ("coco",)), np.zeros((40, 60, 3), np.uint8)
    for name, labels, presence in (("a/x.jpg", shapes(), PRESENCE), ("y.png", shapes()[::-1], {"cat": 0.7})):
        key, _ = results.place(name, name)
        known = np.where(labels <= len(presence), labels, 0).astype(np.uint8)
        results.write(key, made_of(known, presence), photo, {"photo": name, "sha256": name}, f"{key}.")
    results.summarise()
    return tmp_path / "coco.json"


def test_pycocotools_reads_masks_boxes_areas_and_scores(written):
    coco = COCO(written)
    assert [image["file_name"] for image in coco.loadImgs(coco.getImgIds())] == ["a/x.jpg", "y.png"]
    assert [c["name"] for c in coco.loadCats(coco.getCatIds())] == [*PRESENCE]
    first, second = ([*coco.imgToAnns[image]] for image in coco.getImgIds())
    assert [(a["category_id"], a["score"]) for a in first] == [(1, 0.9), (2, 0.8), (3, 0.2)]
    assert [(a["category_id"], a["score"]) for a in second] == [(3, 0.7)]
    for annotation in first:
        mask = shapes() == annotation["category_id"]
        np.testing.assert_array_equal(coco.annToMask(annotation), mask)
        assert annotation["area"] == mask.sum() == coco_mask.area(annotation["segmentation"])
        assert annotation["bbox"] == coco_mask.toBbox(annotation["segmentation"]).tolist()
    np.testing.assert_array_equal(coco.annToMask(second[0]), shapes()[::-1] == 1)
    assert len({annotation["id"] for annotation in first + second}) == 4


def test_pycocotools_takes_them_as_detections(written):
    coco = COCO(written)
    found = coco.loadRes(
        [{k: a[k] for k in ("image_id", "category_id", "segmentation", "score")} for a in coco.anns.values()]
    )
    assert sorted(a["area"] for a in found.anns.values()) == sorted(a["area"] for a in coco.anns.values())


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (9, 1), (31, 45), (700, 900)])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 1.0])
def test_run_lengths_are_those_of_pycocotools(shape, share):
    mask = np.random.default_rng(3).random(shape) < share
    if mask.size > 10_000:  # long runs, too
        mask[:, 100:700] = mask[:, :1]
    expected = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert pack(run_lengths(mask)) == expected["counts"].decode()
    assert sum(run_lengths(mask)) == mask.size
