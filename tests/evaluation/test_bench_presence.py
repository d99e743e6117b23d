""" "Is it there?", measured, against scikit-learn."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import roc_auc_score, roc_curve

from reco_core.datasets.dataset import Dataset, Item
from reco_core.evaluation import bench, tables
from reco_core.evaluation.variants import of_methods


@pytest.fixture(scope="module")
def things(real_photos, tmp_path_factory) -> Dataset:
    """Five photos, three classes that some show, two words for one of them, and a class in every photo."""
    folder = tmp_path_factory.mktemp("things")
    shown = {"cat": (0, 3), "coffee": (1, 3), "astronaut": (2, 3), "rocket": (3,), "motorcycle": (1, 2, 3)}
    for name, rows in shown.items():
        photo = np.ascontiguousarray(real_photos[name][::2, ::2])
        truth = np.full(photo.shape[:2], 255, np.uint8)
        for row in rows:
            truth[10 * row : 10 * row + 10] = row
        Image.fromarray(photo).save(folder / f"{name}.png")
        Image.fromarray(truth).save(folder / f"{name}_truth.png")
    items = tuple(Item(name, folder / f"{name}.png", folder / f"{name}_truth.png") for name in shown)
    return Dataset(
        "things",
        "some",
        ("animal", "crockery", "person", "anything"),
        ("dog", "cup", "cat", "person", "wall"),
        (0, 1, 0, 2, 3),
        {row: row for row in range(4)},
        items,
    )


def test_presence_against_scikit_learn(reco, things):
    report = bench.run(reco, things, of_methods(("reco", "reco2")))["presence"]
    references = reco.prepare(things.words, method="reco2", background=())
    texts, vectors = (torch.stack([getattr(c, of) for c in references.concepts]) for of in ("text", "reference"))
    presence, maximum, truth = [], [], []
    for item in things.items:
        photo, rows = things.load(item)
        encoded = reco.encode(photo)
        presence.append(reco.segment(photo, references, method="reco2", encoded=encoded).presence)
        cosines = encoded.features[0] @ vectors.T, encoded.language[0] @ texts.T
        paper = torch.sigmoid(cosines[0]) * torch.sigmoid(10 * cosines[1])
        maximum.append(paper.flatten(0, 1).max(0).values.tolist())
        truth.append([(rows == row).any() for row in range(4)])
    truth = np.array(truth)
    assert truth.sum(0).tolist() == [1, 2, 2, 5]
    of_class = [[0, 2], [1], [3], [4]]
    said, plain = (
        np.array([[max(row[w] for w in words) for words in of_class] for row in rows]) for rows in (presence, maximum)
    )
    for scores, area, alarms in ((said, "auroc", "fpr_at_90_recall"), (plain, "auroc_max_score", "fpr_max_score")):
        areas = [roc_auc_score(truth[:, c], scores[:, c]) for c in range(3)]
        assert report[area] == pytest.approx(np.mean(areas), abs=2e-4)
        rates = []
        for c in range(3):
            false, true, _ = roc_curve(truth[:, c], scores[:, c], drop_intermediate=False)
            rates.append(false[true >= 0.9].min())
        assert report[alarms] == pytest.approx(np.mean(rates), abs=2e-4)
    assert report["classes"] == 3 and report["per_class"]["anything"] is None
    assert report["per_class"]["animal"] == pytest.approx(roc_auc_score(truth[:, 0], said[:, 0]), abs=2e-4)
    assert report["found"] == pytest.approx((said >= 0.5)[truth].mean(), abs=1e-4)
    assert report["false_alarms"] == pytest.approx((said >= 0.5)[~truth].mean(), abs=1e-4)
    bins = np.minimum((said * 10).astype(int), 9)
    gaps = [(bins == b).mean() * abs(said[bins == b].mean() - truth[bins == b].mean()) for b in np.unique(bins)]
    assert report["calibration_error"] == pytest.approx(sum(gaps), abs=1e-3)


def test_a_class_is_as_present_as_its_most_present_word(reco, things):
    """The cat's photo is found by "cat", whatever "dog" says, in either order."""
    found = bench.run(reco, things, of_methods(("reco2",)), limit=2)["presence"]
    assert found["per_class"]["animal"] == 1.0
    reverse = replace(things, words=things.words[::-1], word_rows=things.word_rows[::-1])
    assert bench.run(reco, reverse, of_methods(("reco2",)), limit=2)["presence"] == found


def test_classes_that_every_photo_has(reco, things):
    """As in CamVid: nothing can be told apart, and nothing fails."""
    data = replace(things, label_rows={0: 3, 1: 3, 2: 3, 3: 3})
    data = replace(data, classes=("anything",), words=("wall",), word_rows=(0,), label_rows=dict.fromkeys(range(4), 0))
    report = bench.run(reco, data, of_methods(("denseclip",)), limit=2)
    found = report["presence"]
    assert found["auroc"] is found["fpr_at_90_recall"] is found["auroc_max_score"] is found["false_alarms"] is None
    assert found["classes"] == 0 and found["found"] is not None
    json.dumps(report, allow_nan=False)
    assert tables.presence_table([report]).splitlines()[-1].startswith("| things | - | - | - | - |")
    assert report["methods"]["denseclip"]["miou"] == 1.0


def test_nothing_counted(reco, things):
    """All that a set's labels say may be of no class."""
    report = bench.run(reco, replace(things, label_rows={77: 0}), of_methods(("denseclip",)), limit=1)
    row = report["methods"]["denseclip"]
    assert row["accuracy"] is row["miou"] is None and row["miou_interval"] == [None, None]
    assert report["per_photo"]["truth"] == [[]] and report["presence"]["found"] is None
    json.dumps(report, allow_nan=False)
    assert "| denseclip | - | - |" in tables.table(report)
