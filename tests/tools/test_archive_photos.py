"""The folder of photos that the bundled archive is built from."""

import hashlib
import importlib
import io
import sys
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from reco_core.archives.thumbnails import which
from reco_core.photo_sources.factory import open_source
from reco_core.utils.images import read_photo

TOOLS = Path(__file__).resolve().parents[2] / "tools"
COLUMNS = "file width height source_url source_sha256 source_bytes landing_url licence licence_scope open_licence"
MORE = "file tar source_repo source_commit source_path title caption author licence licence_url url"
BY_SA = "https://creativecommons.org/licenses/by-sa/2.0/"


@pytest.fixture(scope="module")
def tool():
    sys.path.insert(0, str(TOOLS))
    yield importlib.import_module("archive_photos")
    sys.path.remove(str(TOOLS))


def write(file: Path, columns: str, rows: list[list[str]]) -> None:
    file.write_text("".join("\t".join(row) + "\n" for row in [columns.split(), *rows]), encoding="utf-8")


def dish(i: int, licence: str = BY_SA, author: str = "Žofie") -> list[str]:
    return [
        f"{i}.jpg",
        "food.tar",
        "a/b",
        "c0",
        f"{i}.jpg",
        f"Dish {i}",
        "tasty",
        author,
        "CC",
        licence,
        f"https://f/{i}",
    ]


@pytest.fixture
def data(real_photos, tmp_path) -> Path:
    """Three photos as files, two of them openly licensed, and two in a tar."""
    root = tmp_path / "data"
    (root / "archive" / "set").mkdir(parents=True)
    (root / "archive_more").mkdir()
    packed = {}
    for name, photo in real_photos.items():
        out = io.BytesIO()
        Image.fromarray(photo).save(out, "JPEG")
        packed[name] = out.getvalue()
    names = ("cat", "rocket", "astronaut")
    for name in names:
        (root / "archive" / "set" / f"{name}.jpg").write_bytes(packed[name])
    hashes = [hashlib.sha256(name.encode()).hexdigest() for name in names]
    rows = [
        [
            f"set/{name}.jpg",
            "5",
            "4",
            f"https://a/{name}",
            hashes[i],
            "9",
            "https://p",
            "MIT",
            "photo",
            ["yes", "no", "yes"][i],
        ]
        for i, name in enumerate(names)
    ]
    write(root / "archive" / "manifest.tsv", f"{COLUMNS} author title", [[*row, 'Ann "A"', "x y"] for row in rows])
    write(root / "archive_more" / "manifest.tsv", MORE, [dish(0), dish(1)])
    with tarfile.open(root / "archive_more" / "food.tar", "w") as tar:
        for i, name in enumerate(("coffee", "motorcycle")):
            info = tarfile.TarInfo(f"{i}.jpg")
            info.size = len(packed[name])
            tar.addfile(info, io.BytesIO(packed[name]))
    return root


def test_all_photos_with_their_credits(tool, data, tmp_path, real_photos):
    assert tool.collect(data, tmp_path / "out") == 5
    source = open_source(tmp_path / "out")
    files = ["set/cat.jpg", "set/rocket.jpg", "set/astronaut.jpg", "food/0.jpg", "food/1.jpg"]
    assert [record.file for record in source.records] == files
    cat, *_, last = source.records
    assert (cat.source_url, cat.sha256, cat.author) == ("https://a/cat", hashlib.sha256(b"cat").hexdigest(), 'Ann "A"')
    assert (last.source_url, last.landing_url, last.licence, last.author) == ("", "https://f/1", BY_SA, "Žofie")
    assert (last.licence_scope, last.title, last.sha256) == (
        "photo",
        "Dish 1",
        hashlib.sha256(source.read(4)).hexdigest(),
    )
    assert read_photo(source.read(4)).shape == real_photos["motorcycle"].shape == (last.height, last.width, 3)
    assert [which("open")(record) for record in source.records] == [True, False, True, True, True]


def test_a_second_call_mends_only_what_is_wrong(tool, data, tmp_path):
    tool.collect(data, tmp_path / "out")
    key = open_source(tmp_path / "out").key
    tool.collect(data, tmp_path / "out")
    assert open_source(tmp_path / "out").key == key  # times of modification, too
    (tmp_path / "out" / "set" / "cat.jpg").write_bytes(b"half")
    (tmp_path / "out" / "food" / "1.jpg").unlink()
    (tmp_path / "out" / "manifest.tsv").unlink()
    assert tool.collect(data, tmp_path / "out") == 5
    assert (tmp_path / "out/set/cat.jpg").read_bytes() == (data / "archive/set/cat.jpg").read_bytes()
    assert len(open_source(tmp_path / "out").records) == 5
    assert not list((tmp_path / "out").rglob("*.part"))


@pytest.mark.parametrize(
    "wrong", [dish(1, licence="https://creativecommons.org/licenses/by-nc/2.0/"), dish(1, author="")]
)
def test_others_of_the_tars_are_refused(tool, data, tmp_path, wrong):
    write(data / "archive_more" / "manifest.tsv", MORE, [dish(0), wrong])
    with pytest.raises(ValueError, match=r"1\.jpg is not openly licensed"):
        tool.collect(data, tmp_path / "out")
    assert not (tmp_path / "out" / "manifest.tsv").exists()
