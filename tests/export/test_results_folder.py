"""Where photos' results lie, and the table of them."""

import csv

import numpy as np
import pytest
from support.results import made_of, shapes

from reco_core.errors import OptionError
from reco_core.export.results_folder import ResultsFolder, parse_formats

PRESENCE = {"cat": 0.9, "Müller, H": 0.4, "x": 0.8}


def put(folder, photo: str, sha256: str) -> str:
    """Write a result as a run does; its key."""
    key, _ = folder.place(photo, sha256)
    about = {"photo": photo, "sha256": sha256, "settings": "s"}
    folder.write(key, made_of(shapes(), PRESENCE), np.zeros((40, 60, 3), np.uint8), about, f"{key}.")
    return key


def test_photos_of_one_name_have_files_of_their_own_in_one_run_and_in_later_ones(tmp_path):
    first = ResultsFolder(tmp_path)
    assert [put(first, "x.jpg", "1"), put(first, "x.png", "2"), put(first, "X.jpg", "1")] == ["x", "x-2", "X-3"]
    again = ResultsFolder(tmp_path)
    assert [again.place("x.png", "2")[0], again.place("x.jpg", "1")[0]] == ["x-2", "x"]
    other = ResultsFolder(tmp_path)
    before = (tmp_path / "x.result.json").read_bytes()
    assert put(other, "x.jpg", "another photo") == "x-3"
    assert (tmp_path / "x.result.json").read_bytes() == before


def test_what_is_stored_is_told_and_a_strangers_file_is_left_alone(tmp_path):
    (tmp_path / "mine.result.json").write_text("[1]")
    folder = ResultsFolder(tmp_path)
    assert put(folder, "mine.jpg", "1") == "mine-2"
    key, stored = ResultsFolder(tmp_path).place("mine.jpg", "1")
    assert (key, stored.photo, stored.settings) == ("mine-2", "mine.jpg", "s")
    np.testing.assert_array_equal(stored.labels(), shapes())
    assert (tmp_path / "mine.result.json").read_text() == "[1]"


def test_the_table_has_a_row_for_each_name_in_each_photo_and_for_each_problem(tmp_path):
    folder = ResultsFolder(tmp_path)
    put(folder, "a/x.jpg", "1")
    put(folder, "y.jpg", "2")
    folder.summarise([("bad.jpg", "is no photo, but a text")])
    with (tmp_path / "table.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["photo"], row["name"]) for row in rows[:-1]] == [
        (p, n) for p in ("a/x.jpg", "y.jpg") for n in PRESENCE
    ]
    for label, row in enumerate(rows[:3], 1):
        assert float(row["share"]) == pytest.approx((shapes() == label).mean(), abs=1e-4)
        assert float(row["presence"]) == PRESENCE[row["name"]]
        assert row["found"] == ("no" if label == 2 else "yes")
        assert row["answer"] == ("maybe" if label == 2 else "found")
        assert row["result"] == "a/x"
    assert (rows[-1]["photo"], rows[-1]["name"], rows[-1]["problem"]) == ("bad.jpg", "", "is no photo, but a text")


def test_a_damaged_result_is_named(tmp_path):
    put(ResultsFolder(tmp_path), "y.jpg", "2")
    (tmp_path / "y.labels.png").write_bytes(b"no")
    with pytest.raises(OptionError, match=r"y\.labels\.png"):
        ResultsFolder(tmp_path, ("coco",)).summarise()


def test_formats():
    assert parse_formats(["coco", "masks"]) == ("masks", "coco")
    assert parse_formats(["all"]) == ("masks", "cutouts", "share", "coco", "yolo")
    assert parse_formats([]) == ()
    with pytest.raises(OptionError, match="unknown format"):
        parse_formats(["png"])
