"""A result's files, each written when it is first asked for."""

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image
from support.results import shapes

from reco_core.errors import OptionError
from reco_core.export.cutouts import cut_out
from reco_core.export.stored_result import StoredConcept, StoredResult
from reco_core.export.take_along import ENDINGS, TITLES, TakeAlong

PHOTO = np.random.default_rng(1).integers(1, 255, (40, 60, 3), np.uint8)


@pytest.fixture
def files(tmp_path) -> TakeAlong:
    """Of three names one was found, one perhaps, one is nowhere. `read` counts how often the photo is read."""
    Image.fromarray(shapes()).save(tmp_path / "labels.png")
    concepts = (
        StoredConcept("a/b", 1, 0.2, 0.9, "found"),
        StoredConcept("dog", 2, 0.1, 0.3, "maybe"),
        StoredConcept("猫", 4, 0.0, 0.1, "absent"),
    )
    stored = StoredResult("k", "street view.jpg", "", "", concepts, tmp_path / "labels.png")
    files = TakeAlong(stored, lambda: files.read.append(1) or PHOTO, tmp_path / "out")
    files.read = []
    return files


def test_files_are_called_after_the_photo_and_written_once(files):
    assert set(TITLES) == set(ENDINGS)
    assert not files.folder.exists() or not list(files.folder.iterdir())
    for kind, ending in ENDINGS.items():
        file = files.file(kind)
        assert file.name == files.name(kind) == f"street view-{ending}"
        before = file.stat().st_mtime_ns
        assert files.file(kind).stat().st_mtime_ns == before
    assert len(files.read) == 3
    assert {file.name for file in files.folder.iterdir()} == {f"street view-{ending}" for ending in ENDINGS.values()}
    with pytest.raises(OptionError, match="unknown file"):
        files.file("../labels")


def test_the_zip_has_a_mask_and_a_cut_out_of_what_was_found(files):
    with zipfile.ZipFile(files.file("cutouts")) as packed:
        assert packed.namelist() == ["masks/street view.a_b.png", "cutouts/street view.a_b.png"]
        mask, cut = (np.asarray(Image.open(io.BytesIO(packed.read(name)))) for name in packed.namelist())
    np.testing.assert_array_equal(mask, 255 * (shapes() == 1))
    np.testing.assert_array_equal(cut, cut_out(PHOTO, shapes() == 1))


def test_pictures_mark_what_was_found(files):
    overlay = np.asarray(Image.open(files.file("overlay"))).astype(int)
    assert overlay.shape == PHOTO.shape
    unmarked = shapes() == 2
    np.testing.assert_allclose(overlay[unmarked][8:], 0.85 * PHOTO[unmarked][8:], atol=1)
    assert max(Image.open(files.file("share")).size) == 1200


def test_labels_and_coco_have_all(files):
    np.testing.assert_array_equal(Image.open(files.file("labels")), shapes())
    coco = json.loads(files.file("coco").read_text("utf-8"))
    assert [image["file_name"] for image in coco["images"]] == ["street view.jpg"]
    assert [(a["category_id"], a["area"]) for a in coco["annotations"]] == [
        (i, int((shapes() == i).sum())) for i in (1, 2)
    ]
