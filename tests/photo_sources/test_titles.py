"""Titles that photos have from where they lie."""

import pytest
from support.packed import table

from reco_core.errors import OptionError
from reco_core.photo_sources.factory import list_photos, open_source
from reco_core.photo_sources.titles import file_title, give_title
from reco_core.types import PhotoRecord
from reco_core.utils.names import names_in

SPEAKING = {
    "blue_bird-03.jpg": "blue bird",
    "BlueBird.jpg": "Blue Bird",
    "bird03.jpg": "bird",
    "red train 1.jpg": "red train",
    "train.jpg": "train",
    "mp3 player (2).png": "mp3 player",
    "iPhone.jpg": "iPhone",
    "zorblatt~2.jpg": "zorblatt",
    "IMG_1234_zorblatt.jpg": "zorblatt",
    "1200px-Blue_tit.jpg": "Blue tit",
    "eins, zwei.jpg": "eins, zwei",
    "黄色い鳥.jpg": "黄色い鳥",
    "T-Shirt_3.jpg": "T Shirt",
}
SILENT = names_in(
    "IMG_1234.JPG, DSC0001.jpg, DSCN0042.jpg, P1010001.JPG, PXL_20210101_120000123.jpg, 20230514_101112.jpg, "
    "image_0001.jpg, IMG-20190101-WA0003.jpg, 2513260012_03d33305cc.jpg, "
    "550e8400-e29b-41d4-a716-446655440000.png, d53efb5eac85d6d9.jpg, train_00017.jpg, val-0001.jpg, "
    "000000123456.jpg, n01440764_10026.JPEG, a.jpg, .jpg, WhatsApp-Image-2021-01-01.jpeg"
)


@pytest.mark.parametrize(("name", "title"), SPEAKING.items())
def test_what_a_file_is_called(name, title):
    assert file_title(name) == title


@pytest.mark.parametrize("name", SILENT)
def test_cameras_numbers_and_hashes_say_nothing(name):
    assert file_title(name) == ""


@pytest.mark.parametrize(
    ("file", "url", "way", "title"),
    [
        ("train/tench/001.jpg", "", "folders", "tench"),
        ("tench/train/blue bird.jpg", "", "folders", "tench"),
        ("images/train/1.jpg", "", "folders", ""),
        ("a.jpg", "", "folders", ""),
        ("2023-05 zorblatts/IMG_1.jpg", "", "folders", "zorblatts"),
        ("tench/blue_bird.jpg", "", "files", "blue bird"),
        ("tench/1.jpg", "", "files", ""),
        ("00000001.jpg", "https://example.org/a/Blue_bird%20(1).jpg?x=1", "files", "Blue bird"),
        ("tench/blue_bird.jpg", "", "none", ""),
    ],
)
def test_ways_to_a_title(file, url, way, title):
    assert give_title(PhotoRecord.of({"file": file, "source_url": url}), way) == title
    assert give_title(PhotoRecord.of({"file": file, "title": "a stated one"}), way) == "a stated one"


@pytest.fixture
def folder(photo_folder, tmp_path):
    (tmp_path / "zorblatts").mkdir()
    for i, name in enumerate(("cat_0.jpg", "coffee_0.jpg", "rocket_0.jpg")):
        new = f"zorblatts/{'blue_cat' if i == 0 else f'IMG_000{i}'}.jpg"
        (tmp_path / new).write_bytes((photo_folder / name).read_bytes())
    return tmp_path


def test_a_folder_gives_titles(folder):
    def titles(**options) -> list[str]:
        return [record.title for record in open_source(folder, **options).records]

    assert titles() == titles(titles="files") == ["", "", "blue cat"]
    assert titles(titles="folders") == ["zorblatts"] * 3
    assert titles(titles="none") == [""] * 3
    keys = {open_source(folder, titles=way).key for way in ("files", "folders", "none")}
    assert len(keys) == 3
    assert open_source(folder).key in keys
    with pytest.raises(OptionError, match=r"way to titles.*folders"):
        open_source(folder, titles="folder")


@pytest.mark.parametrize("name", ["manifest.tsv", "manifest.csv"])
def test_a_table_in_the_folder_goes_before_names(folder, name):
    photos = [f"zorblatts/{photo}" for photo in ("blue_cat.jpg", "IMG_0001.jpg", "IMG_0002.jpg")]
    captions = ["a tabby, on a rug", "", "a rocket"]
    table(folder / name, [{"file": f, "caption": c} for f, c in zip(photos, captions, strict=True)])
    assert [record.title for record in list_photos(folder)] == captions
    assert [record.title for record in open_source(folder, titles="folders").records] == [
        *("a tabby, on a rug", "zorblatts", "a rocket")
    ]
