"""A specialist measured beside methods."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.labelled import without_seconds

from reco_core.adaptation.specialist import Specialist
from reco_core.cli.main import main
from reco_core.datasets.folder import open_folder
from reco_core.errors import OptionError
from reco_core.evaluation import bench
from reco_core.evaluation.variants import of_methods

pytestmark = pytest.mark.slow


def naive_row(specialist: Specialist, folder: Path, best: bool) -> dict:
    """Accuracy and IoU of a specialist's marks, photo by photo; best: of the names alone."""
    row_of = np.array([0, 3, 2, 1])  # cat, coffee cup, rocket among the classes
    truth, said = [], []
    for name in ("cat", "coffee", "rocket"):
        labels = np.asarray(Image.open(folder / "labels" / f"{name}.png"))
        found = specialist.segment(np.asarray(Image.open(folder / "images" / f"{name}.jpg")))
        marks = found.scores[1:].argmax(0) + 1 if best else found.labels
        counted = (labels != 255) & (labels != 0) if best else labels != 255
        truth.append(labels[counted])
        said.append(row_of[marks][counted])
    t, s = np.concatenate(truth), np.concatenate(said)
    ious = [((t == c) & (s == c)).sum() / max(1, ((t == c) | (s == c)).sum()) for c in range(1 if best else 0, 4)]
    return {"accuracy": (t == s).mean(), "ious": ious}


@pytest.mark.parametrize("protocol", ["with_background", "objects_only"])
def test_a_specialist_is_one_more_row(reco, finished, things, protocol):
    """Without background what it likes next to it counts."""
    one = Specialist(finished, "cpu")
    data = open_folder(things, protocol)
    options = {"background": ("sky",), "context": ()}
    report = bench.run(reco, data, of_methods(("denseclip",)), specialists={"ours": one}, **options)
    assert list(report["methods"]) == ["denseclip", "ours"] and report["per_photo"]["predicted"].keys() == {
        "denseclip",
        "ours",
    }
    expected, row = naive_row(one, things, protocol == "objects_only"), report["methods"]["ours"]
    assert row["accuracy"] == pytest.approx(expected["accuracy"], abs=1e-4)
    assert [value or 0 for value in row["per_class"].values()] == pytest.approx(expected["ious"], abs=1e-4)
    assert row["seconds_per_photo"] > 0 and row["miou_interval"][0] <= row["miou"] <= row["miou_interval"][1]
    assert report["settings"]["specialists"] == {"ours": one.about["files"]}
    alone = bench.run(reco, data, of_methods(("denseclip",)), **options)
    assert "specialists" not in alone["settings"]
    assert without_seconds(alone)["methods"]["denseclip"] == without_seconds(report)["methods"]["denseclip"]


def test_specialists_that_do_not_fit_a_set(reco, finished, things):
    one = Specialist(finished, "cpu")
    with pytest.raises(
        OptionError,
        match=r"names that the data set does not ask for. Given: coffee cup, rocket. Expected: cat, cup, motorbike",
    ):
        bench.run(reco, open_folder(things.parent / "three"), of_methods(("denseclip",)), specialists={"ours": one})
    with pytest.raises(OptionError, match="two variants have the same name"):
        bench.run(reco, open_folder(things), of_methods(("denseclip",)), specialists={"denseclip": one})


@pytest.mark.usefixtures("loaded")
def test_bench_with_a_specialist(finished, things, tmp_path, capsys):
    file = tmp_path / "r.json"
    twin = tmp_path / "twin" / "out"
    shutil.copytree(finished, twin)
    command = ["bench", str(things), "--methods", "denseclip", "--specialist", str(finished), "--limit", "1"]
    assert main([*command, "--specialist", str(twin), "--json", str(tmp_path / "2.json"), "--device", "cpu"]) == 0
    rows = json.loads((tmp_path / "2.json").read_text())["methods"]
    assert list(rows) == ["denseclip", str(finished), str(twin)]  # of the same name: told apart by their folders
    assert rows[str(finished)]["miou"] == rows[str(twin)]["miou"]
    capsys.readouterr()
    assert main([*command, "--json", str(file), "--device", "cpu"]) == 0
    report = json.loads(file.read_text(), parse_constant=pytest.fail)
    assert f"| out | {100 * report['methods']['out']['accuracy']:.1f} (" in capsys.readouterr().out
    assert list(report["methods"]) == ["denseclip", "out"] and report["photos"] == 1
