"""Pictures with known content, made of photos with titles."""

import csv
import importlib
import io
import sys
import tarfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reco_core.datasets.folder import open_folder

TOOLS = Path(__file__).resolve().parents[2] / "tools"
COLOURS = {"drum": (200, 30, 30), "harp": (30, 200, 30), "forest": (30, 30, 200)}


@pytest.fixture(scope="module")
def collages():
    sys.path.insert(0, str(TOOLS))
    yield importlib.import_module("collages")
    sys.path.remove(str(TOOLS))


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    """A training folder of plain photos whose colour tells their title; every one of them is held out."""
    folder = tmp_path_factory.mktemp("training")
    names = [name for i in range(400) if zlib.crc32((name := f"{i}.jpg").encode()) % 4 == 0][:30]
    with (folder / "manifest.tsv").open("w", newline="") as table, tarfile.open(folder / "photos.tar", "w") as photos:
        rows = csv.writer(table, delimiter="\t")
        rows.writerow(("file", "tar", "title"))
        for i, name in enumerate(names):
            title = list(COLOURS)[i % 3]
            packed = io.BytesIO()
            Image.new("RGB", (120, 90), COLOURS[title]).save(packed, "JPEG", quality=95)
            info = tarfile.TarInfo(name)
            info.size = len(packed.getvalue())
            photos.addfile(info, io.BytesIO(packed.getvalue()))
            rows.writerow((name, "photos.tar", title))
    return folder


def test_pictures_show_what_their_words_say(collages, training):
    made = list(collages.pictures(training, 6))
    assert [picture.kind for picture in made] == ["single"] * 6 + ["four"] * 6 + ["pasted"] * 6
    for picture in made:
        labels = collages.label_map(picture, {"drum": 1, "harp": 2})
        for value, word in ((1, "drum"), (2, "harp"), (0, "forest")):
            shown = picture.photo[labels == value].astype(int)
            assert np.abs(shown - COLOURS[word]).max(initial=0) < 25
        assert (labels == collages.IGNORED).mean() > 0.4
        assert set(np.unique(labels)) <= {0, 1, 2, collages.IGNORED}
    again = list(collages.pictures(training, 6))
    assert all(np.array_equal(a.photo, b.photo) for a, b in zip(made, again, strict=True))


def test_scenes_are_as_often_as_asked(collages, training):
    words = [word for picture in collages.pictures(training, 10, scenes=0.9) for word in picture.words]
    assert words.count("forest") > 0.5 * len(words)


def test_the_folder_can_be_measured(collages, training, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["collages.py", str(training), str(tmp_path / "out")])
    monkeypatch.setattr(collages, "pictures", lambda folder, count, **options: iter(()))
    collages.main()  # no pictures: what is written beside them
    picture = collages.Picture("single", np.zeros((90, 120, 3), np.uint8), ("harp",), ((0, 0, 120, 90),))
    Image.fromarray(picture.photo).save(tmp_path / "out" / "images" / "a.jpg")
    labels = collages.label_map(picture, {"drum": 1, "harp": 2})
    Image.fromarray(labels).save(tmp_path / "out" / "labels" / "a.png")
    data = open_folder(tmp_path / "out")
    assert data.classes == ("background", "drum", "harp")
    assert sorted(np.unique(data.load(data.items[0])[1])) == [-1, 2]
