"""What is said of a name: in result.json, and of results that lie on disk."""

import json

import numpy as np
import pytest
from PIL import Image
from support.results import made_of

from reco_core.export import FOUND_FROM, answer, describe, is_found, write_report
from reco_core.export.answers import found_labels
from reco_core.export.stored_result import read_result
from reco_core.utils.visualize import overlay


@pytest.mark.parametrize(
    ("presence", "share", "said"),
    [
        (0.9, 0.2, "found"),
        (0.5, 0.0005, "found"),  # the least of both
        (0.9, 0.0, "maybe"),  # sure, but nothing fits best
        (0.88, 0.0004, "maybe"),
        (0.49, 0.2, "maybe"),  # marked, but less sure
        (0.25, 0.0005, "maybe"),
        (0.24, 0.9, "absent"),  # the paper's method marks a little of everything
        (0.49, 0.0, "absent"),
        (0.0, 0.0, "absent"),
    ],
)
def test_three_answers(presence, share, said):
    assert answer(presence, share) == said
    assert is_found(presence, share) is (said == "found")


def test_who_asks_for_more_hears_maybe_first():
    assert [answer(0.6, 0.2, found_from) for found_from in (0.05, 0.6, 0.65, 0.95)] == [
        "found",
        "found",
        "maybe",
        "maybe",
    ]
    assert answer(0.6, 0.0, 0.65) == "absent"
    assert answer(FOUND_FROM, 1.0) == "found"


@pytest.fixture
def told() -> dict:
    labels = np.zeros((10, 10), np.uint8)
    labels[:5] = 1
    labels[5:8] = 2
    about = {"photo": "a.jpg", "sha256": "1"}
    return {**about, **describe(made_of(labels, {"cat": 0.9, "dog": 0.3, "cow": 0.8, "ufo": 0.1}))}


def test_results_say_it_beside_presence_and_share(told, tmp_path):
    assert [concept["answer"] for concept in told["concepts"]] == ["found", "maybe", "maybe", "absent"]
    assert [concept["found"] for concept in told["concepts"]] == [True, False, False, False]
    (tmp_path / "result.json").write_text(json.dumps(told))
    stored = read_result(tmp_path / "result.json", tmp_path)
    assert [concept.answer for concept in stored.concepts] == ["found", "maybe", "maybe", "absent"]


def test_results_of_before_have_the_same_answers_and_others_are_none(told, tmp_path):
    for concept in told["concepts"]:
        del concept["answer"]
    (tmp_path / "result.json").write_text(json.dumps(told))
    stored = read_result(tmp_path / "result.json", tmp_path)
    assert [concept.answer for concept in stored.concepts] == ["found", "maybe", "maybe", "absent"]
    told["concepts"][0]["answer"] = "perhaps"
    (tmp_path / "result.json").write_text(json.dumps(told))
    assert read_result(tmp_path / "result.json", tmp_path) is None


def test_pictures_show_what_is_found_and_label_maps_everything(tmp_path):
    labels = np.repeat(np.uint8([[0, 1, 2]]), 4, 0)
    result = made_of(labels, {"cat": 0.9, "dog": 0.3})  # the dog is marked, and only maybe there
    np.testing.assert_array_equal(found_labels(result), np.where(labels == 1, 1, 0))
    np.testing.assert_array_equal(found_labels(result, 0.2), labels)
    np.testing.assert_array_equal(found_labels(result, 0.95), 0 * labels)
    photo = np.full((4, 3, 3), 120, np.uint8)
    write_report(result, photo, tmp_path, {})
    np.testing.assert_array_equal(Image.open(tmp_path / "overlay.png"), overlay(photo, np.where(labels == 1, 1, 0), 2))
    np.testing.assert_array_equal(Image.open(tmp_path / "labels.png"), labels)
