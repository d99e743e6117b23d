"""Reports as people read them."""

import copy
import sys

import numpy as np
import pytest
from PIL import Image

from reco_core.errors import DependencyError
from reco_core.evaluation import plots, tables
from reco_core.evaluation.published import PUBLISHED


def row(miou: float | None, accuracy: float | None = 0.7512) -> dict:
    bounds = [None if miou is None else miou + by for by in (-0.05, 0.031)]
    return {
        "accuracy": accuracy,
        "accuracy_interval": [0.6, 0.8],
        "miou": miou,
        "miou_interval": bounds,
        "per_class": {"cat": miou, "wall|door": None},
        "seconds_per_photo": 1.234,
    }


@pytest.fixture
def report() -> dict:
    plain = {"gate": False, "k": 20, "share": 1.0, "background": True}
    variants = {
        "reco": plain,
        "reco2": plain | {"gate": True},
        "denseclip": plain | {"text": 1},
        "reco, k = 5": plain | {"k": 5},
        "reco, 30% of the archive": plain | {"share": 0.3},
        "reco, alone": plain | {"background": False},
    }
    return {
        "settings": {
            "data": "three",
            "protocol": "objects",
            "preset": "mini",
            "k": 20,
            "archive_photos": 1000,
            "variants": variants,
        },
        "photos": 3,
        "methods": {name: row(0.1 * i + 0.2) for i, name in enumerate(variants)},
        "presence": {
            "auroc": 0.98765,
            "auroc_max_score": None,
            "fpr_at_90_recall": 0.1,
            "fpr_max_score": None,
            "found": 1.0,
            "false_alarms": 0.255,
            "calibration_error": 0.0409,
            "classes": 2,
        },
    }


def cells(table: str) -> list[list[str]]:
    """Of a Markdown table; all rows are as long as the head."""
    lines = [line.removeprefix("| ").removesuffix(" |").split(" | ") for line in table.splitlines()]
    assert lines[1] == ["---"] * len(lines[0])
    assert {len(line) for line in lines} == {len(lines[0])}
    return [lines[0], *lines[2:]]


def test_table(report):
    head, *rows = cells(tables.table(report))
    assert head == ["three (objects), mini, 3 photos", "accuracy", "mIoU", "s / photo"]
    assert len(rows) == 6
    assert rows[0] == ["reco", "75.1 (60.0, 80.0)", "20.0 (15.0, 23.1)", "1.23"]


def test_what_nothing_is_known_of(report):
    report["methods"] = {"reco": {**row(None, None), "accuracy_interval": [None, None]}}
    assert cells(tables.table(report))[1] == ["reco", "-", "-", "1.23"]


def test_published_figures_follow(report):
    rows = cells(tables.table(report, "cityscapes27"))
    assert len(rows) == 7 + len(PUBLISHED["cityscapes27"])
    assert rows[7] == ["*MDC, zero-shot*", "-", "7.0", "-"]
    assert ["*ReCo (paper)*", "74.6", "19.3", "-"] in rows
    assert cells(tables.table(report, "nothing")) == cells(tables.table(report))


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_figures_are_per_cent(name):
    assert all(
        0 < miou <= 100 and (accuracy is None or miou < accuracy <= 100) for _, accuracy, miou in PUBLISHED[name]
    )
    assert any(row.startswith("ReCo") or "is ReCo" in row for row, *_ in PUBLISHED[name])


def test_class_table(report):
    head, *rows = cells(tables.class_table(report))
    assert head == ["IoU", *report["methods"]]
    assert rows[0] == ["cat", "20.0", "30.0", "40.0", "50.0", "60.0", "70.0"]
    assert rows[1] == [r"wall\|door", *"------"], "a bar in a name does not end its cell"


def test_presence_table(report):
    head, first, second = cells(tables.presence_table([report, report]))
    assert first == second == ["three", "0.988", "-", "10.0", "-", "100.0", "25.5", "4.1", "2"]
    assert head[1] == "AUROC" and head[-1] == "classes"


def test_comparison_table():
    entry = {
        "photos": 30,
        "accuracy": [0.5, 0.6],
        "accuracy_difference": 0.1,
        "accuracy_interval": [-0.02, 0.2],
        "miou": [0.3, 0.25],
        "miou_difference": -0.05,
        "miou_interval": [-0.1, -0.001],
    }
    nothing = {what: [None, None] if isinstance(value, list) else None for what, value in entry.items()} | {"photos": 1}
    head, *rows = cells(tables.comparison_table({"reco": entry, "reco2": nothing}))
    assert head == ["row", "accuracy", "mIoU", "photos"]
    assert rows[0] == ["reco", "50.0 -> 60.0: +10.0 (-2.0, +20.0)", "30.0 -> 25.0: -5.0 (-10.0, -0.1)", "30"]
    assert rows[1] == ["reco2", "- -> -: -", "- -> -: -", "1"]


def test_plot(report, tmp_path):
    report["encoders"] = {"clip": {"methods": {"reco": row(0.5), "reco2": row(None)}}}
    plots.plot_ablation(report, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.format == "PNG" and image.size == (1210, 495)
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3).astype(int)
    for colour in ((214, 39, 40), (31, 119, 180), (153, 153, 153)):  # bars of reco2, of reco and of denseclip
        assert (np.abs(pixels - colour).max(1) < 4).sum() > 500
    for number in range(30):
        name = f"denseclip{number}"
        report["settings"]["variants"][name] = report["settings"]["variants"]["denseclip"]
        report["methods"][name] = row(0.3)
    plots.plot_ablation(report, tmp_path / "tall.png")
    with Image.open(tmp_path / "tall.png") as image:
        assert image.size[1] > 1000, "a row for each bar"


def test_what_is_drawn(report):
    report["encoders"] = {"clip": {"methods": {"reco": row(0.5), "reco2": row(None)}}}
    assert [name for name, _ in plots._bars(report)] == ["reco", "reco2", "denseclip", "reco, alone", "clip: reco"]
    assert sorted(plots._curve(report, "reco", "k")) == [(5, pytest.approx(50)), (20, pytest.approx(20))]
    assert sorted(plots._curve(report, "reco", "share")) == [(300, pytest.approx(60)), (1000, pytest.approx(20))]
    assert plots._curve(report, "reco2", "k") == [(20, pytest.approx(30))]
    assert plots._curve(report, "reco3", "k") == []


@pytest.mark.filterwarnings("error")
def test_plot_of_nothing(report, tmp_path):
    bare = copy.deepcopy(report)
    for entry in bare["methods"].values():
        entry.update(miou=None, miou_interval=[None, None])
    plots.plot_ablation(bare, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_matplotlib_that_is_missing(report, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(DependencyError, match=r"a plot needs a library.*pip install -r requirements\.txt"):
        plots.plot_ablation(report, tmp_path / "a.png")
    assert not list(tmp_path.iterdir())
