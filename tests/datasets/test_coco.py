"""COCO's lists and hierarchy of classes."""

import numpy as np
import pytest
from support.official import opened

from reco_core.datasets import coco
from reco_core.datasets.files import read_photo_list
from reco_core.errors import DatasetError


def test_coco_hierarchy():
    things, stuff = coco.categories(coco.THINGS), coco.categories(coco.STUFF)
    both = coco.categories(coco.THINGS | coco.STUFF)
    assert (len(things), len(stuff), len(both), len({*coco.THINGS, *coco.STUFF})) == (80, 91, 171, 27)
    assert (len(coco.THINGS), len(coco.STUFF)) == (12, 15)
    assert max(things) == 89 and set(stuff) == set(range(91, 182))
    assert set(range(90)) - set(things) == {11, 25, 28, 29, 44, 65, 67, 68, 70, 82}  # and 90: never annotated
    assert [name for name, _ in stuff.values()] == sorted(name for name, _ in stuff.values())
    known = {
        0: ("person", "person"),
        9: ("traffic light", "outdoor"),
        63: ("potted plant", "furniture-things"),
        80: ("sink", "appliance"),
        83: ("book", "indoor"),
        94: ("bridge", "building"),
        100: ("carpet", "floor"),
        119: ("fog", "water"),
        129: ("light", "furniture-stuff"),
        131: ("metal", "raw-material"),
        137: ("net", "structural"),
        151: ("rug", "textile"),
        158: ("snow", "ground"),
        162: ("straw", "plant"),
        165: ("tent", "building"),
        152: ("salad", "food-stuff"),
        105: ("clouds", "sky"),
        181: ("wood", "solid"),
        179: ("window-blind", "window"),
        102: ("ceiling-tile", "ceiling"),
        60: ("cake", "food-things"),
    }
    assert {value: both[value] for value in known} == known


def test_coco_words_belong_to_their_super_category(official):
    data = opened(official, "coco_stuff27")
    found = {word: data.classes[row] for word, row in zip(data.words, data.word_rows, strict=True)}
    wanted = {
        "brick wall": "wall",
        "wall": "wall",
        "window blind": "window",
        "door": "furniture-stuff",
        "orange": "food-things",
        "playing field": "ground",
        "tie": "accessory",
        "roof": "building",
    }
    assert {word: found[word] for word in wanted} == wanted
    object_words = opened(official, "coco_object").words
    assert object_words[0] == "person" and object_words[-1] == "toothbrush"


def test_coco_object_background_is_everything_else(official):
    data = opened(official, "coco_object")
    rows = data.rows_of(np.arange(256)[None])[0]
    assert rows[0] == 1 and rows[89] == 80 and rows[[11, 90, 91, 181, 200, 255]].tolist() == [0] * 6
    assert (rows >= 0).all() and (rows > 0).sum() == 80


def test_coco_lists(official, tmp_path):
    assert [item.key for item in opened(official, "coco_stuff27").items] == ["000000000139"]
    assert len(opened(official, "coco_stuff27_all").items) == 2
    (tmp_path / "list.txt").write_text("val2017/000000000285.jpg\n\n000000000139 \n000000000285\n")
    assert read_photo_list(tmp_path / "list.txt") == ("000000000285", "000000000139")
    (tmp_path / "list.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DatasetError, match=r"list\.txt"):
        read_photo_list(tmp_path / "list.txt")
