"""The harness on tiny folders in exactly the layout it expects."""

import json

import numpy as np
import pytest
from PIL import Image

from reco_core import benchmarks, metrics
from reco_core.benchmarks import Classes, LabelledFolder
from reco_core.errors import NamesError, OptionError
from reco_core.structures import MAX_LABELS


def write_folder(folder, photos, truth, meta):
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    for name, photo in photos.items():
        Image.fromarray(photo).save(folder / "images" / f"{name}.jpg", quality=95)
        Image.fromarray(truth[name]).save(folder / "labels" / f"{name}.png")
    (folder / "meta.json").write_text(json.dumps(meta))
    return folder


@pytest.fixture(scope="session")
def pair(real_photos, tmp_path_factory):
    """Two real photos with rough labels: the cat's middle, the motorcycle's middle."""
    photos = {name: real_photos[name] for name in ("cat", "motorcycle")}
    truth = {name: np.zeros(photo.shape[:2], np.uint8) for name, photo in photos.items()}
    truth["cat"][60:240, 80:350] = 1
    truth["motorcycle"][150:420, 150:600] = 2
    truth["cat"][:20] = 255
    meta = {"classes": ["background", "cat", "motorbike"], "background": 0, "ignore": 255}
    return write_folder(tmp_path_factory.mktemp("bench") / "pair", photos, truth, meta)


def test_report(reco, pair):
    seen = []
    report = benchmarks.run(reco, LabelledFolder.open(pair), progress=lambda *step: seen.append(step))
    assert seen == [(1, 2, "cat"), (2, 2, "motorcycle")]
    assert report["photos"] == 2
    assert set(report["methods"]) == set(benchmarks.ROWS)
    assert report["settings"]["protocol"] == "with_background"
    assert report["settings"]["words"] == {"cat": "cat", "motorbike": "motorbike"}
    for row in report["methods"].values():
        assert set(row["per_class"]) == {"background", "cat", "motorbike"}
        assert 0 <= row["accuracy"] <= 1
        assert row["miou"] == pytest.approx(np.mean(list(row["per_class"].values())), abs=1e-3)
    assert report["methods"]["reco2"]["miou"] > 0.4
    json.dumps(report)
    assert benchmarks.table(report).count("\n") == len(benchmarks.ROWS) + 1


def test_scores_are_those_of_the_masks(reco, pair):
    data = LabelledFolder.open(pair)
    report = benchmarks.run(reco, data, methods=("reco",))
    references = reco.prepare(["cat", "motorbike"])
    confusion = sum(
        metrics.confusion_matrix(np.where(truth == 255, -1, truth.astype(int)),
                                 reco.segment(photo, references).labels.astype(int), 3)
        for photo, truth in data.pairs()
    )  # fmt: skip
    assert report["methods"]["reco"]["miou"] == pytest.approx(metrics.score(confusion).miou, abs=1e-4)


def test_objects_only_counts_object_pixels_alone(reco, pair):
    report = benchmarks.run(reco, LabelledFolder.open(pair), methods=("reco2",), protocol="objects_only")
    assert set(report["methods"]["reco2"]["per_class"]) == {"cat", "motorbike"}
    assert report["settings"]["background"] == []
    assert report["methods"]["reco2"]["accuracy"] > 0.9  # two classes, whole photos asked first


def test_sparse_label_values_and_shared_words(reco, tmp_path, cat):
    truth = np.full(cat.shape[:2], 200, np.uint8)
    truth[:20] = 0
    truth[20:40] = 7
    meta = {"classes": {"0": "unlabeled", "7": "wall-other-merged", "90": "wall", "200": "cat"}}
    data = LabelledFolder.open(write_folder(tmp_path / "sparse", {"a": cat}, {"a": truth}, meta))
    assert data.classes == {7: "wall-other-merged", 90: "wall", 200: "cat"}
    assert benchmarks.default_protocol(data) == "objects_only"
    report = benchmarks.run(reco, data, methods=("denseclip",))
    assert report["methods"]["denseclip"]["per_class"]["wall"] is None  # its word went to the first of the two


def test_truth_rows():
    data = LabelledFolder(None, {7: "wall", 9: "cat"}, 255, 3, ("a",))
    values = np.array([[3, 7], [9, 255]])
    assert Classes.of(data, "with_background").truth(values).tolist() == [[0, 1], [2, -1]]
    assert Classes.of(data, "objects_only").truth(values).tolist() == [[-1, 0], [1, -1]]


def test_more_classes_than_a_user_may_type(reco):
    words = tuple(f"thing {i}" for i in range(60))
    options = {"k": 1, "method": "reco_no_lgc_ce", "background": ("sky",)}
    assert reco.prepare(words, most=MAX_LABELS, **options).names == words
    with pytest.raises(NamesError, match=r"too many names.*60.*at most 50"):
        reco.prepare(words, **options)
    with pytest.raises(NamesError, match="at most 255"):
        reco.prepare([f"thing {i}" for i in range(256)], most=1000, **options)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: (f / "meta.json").unlink(), "no benchmark folder"),
        (lambda f: (f / "meta.json").write_text("{"), "meta.json cannot be used"),
        (lambda f: (f / "meta.json").write_text("{}"), "meta.json cannot be used"),
        (lambda f: (f / "labels" / "a.png").unlink(), "labels are missing"),
        (lambda f: (f / "images" / "a.jpg").unlink(), "photos or labels are missing"),
    ],
)
def test_wrong_folders_are_explained(tmp_path, cat, change, says):
    folder = write_folder(tmp_path / "x", {"a": cat}, {"a": np.zeros(cat.shape[:2], np.uint8)}, {"classes": ["cat"]})
    change(folder)
    with pytest.raises(OptionError, match=says):
        LabelledFolder.open(folder)


def test_label_of_another_size_is_explained(reco, tmp_path, cat):
    folder = write_folder(tmp_path / "x", {"a": cat}, {"a": np.zeros((9, 9), np.uint8)}, {"classes": ["cat"]})
    with pytest.raises(OptionError, match="does not fit"):
        benchmarks.run(reco, LabelledFolder.open(folder), methods=("denseclip",))


def test_protocol_that_does_not_fit(tmp_path, cat):
    folder = write_folder(tmp_path / "x", {"a": cat}, {"a": np.zeros(cat.shape[:2], np.uint8)}, {"classes": ["cat"]})
    with pytest.raises(OptionError, match="names no background"):
        Classes.of(LabelledFolder.open(folder), "with_background")
    with pytest.raises(OptionError, match="unknown protocol"):
        Classes.of(LabelledFolder.open(folder), "everything")
