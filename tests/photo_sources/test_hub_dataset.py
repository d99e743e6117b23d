"""Photos of datasets of the Hugging Face hub, and of folders that its library reads."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support import web as server
from support.packed import contents, table

from reco_core.errors import ArchiveError, DownloadError, PhotoError
from reco_core.photo_sources import hub_dataset
from reco_core.photo_sources.factory import open_source


@pytest.fixture(scope="session")
def photos(photo_folder) -> dict[str, bytes]:
    """Six real photos by name."""
    return {file.name: file.read_bytes() for file in sorted(photo_folder.glob("*_[01].jpg"))[:6]}


FEATURES = {
    "image": {"_type": "Image"},
    "caption": {"dtype": "string", "_type": "Value"},
    "license": {"dtype": "string", "_type": "Value"},
}


def dataset(folder: Path, photos: dict[str, bytes], **columns: list[object]) -> Path:
    """What the hub stores: Parquet of two splits with images inside."""
    items = list(photos.items())
    for split, part in (("train", items[:4]), ("test", items[4:])):
        names = columns.get("names") or [name for name, _ in part]
        cells = {
            "image": [{"bytes": data, "path": name} for (_, data), name in zip(part, names, strict=False)],
            "caption": [f"photo {name}" for name, _ in part],
            "license": columns.get("license", ["CC BY 4.0", None, "research", "MIT"])[: len(part)],
        }
        about = json.dumps({"info": {"features": FEATURES}})
        (folder / "data").mkdir(parents=True, exist_ok=True)
        pq.write_table(
            pa.table(cells).replace_schema_metadata({"huggingface": about}),
            folder / f"data/{split}-00000-of-00001.parquet",
        )
    (folder / "README.md").write_text("---\ndataset_info:\n  license: CC0\n---\n")
    return folder


def test_a_dataset_of_a_folder(photos, tmp_path):
    folder = dataset(tmp_path / "set", photos)
    source = open_source(f"hf:{folder}", cache=tmp_path / "cache")
    assert contents(source) == {
        f"{'train' if i < 4 else 'test'}/{name}": data for i, (name, data) in enumerate(photos.items())
    }
    assert [(r.licence, r.licence_scope) for r in source.records[:4]] == [
        ("CC BY 4.0", "photo"),
        ("CC0", "collection"),
        ("research", "photo"),
        ("MIT", "photo"),
    ]
    assert source.records[0].title == f"photo {next(iter(photos))}"
    assert len(open_source(f"hf:{folder}", cache=tmp_path / "cache", open_only=True).records) == 5
    assert [r.file for r in open_source(f"hf:{folder}:test", cache=tmp_path / "cache").records] == [
        f"test/{name}" for name in list(photos)[4:]
    ]
    assert open_source(f"hf:{folder}", cache=tmp_path / "cache").key == source.key
    with source, ThreadPoolExecutor(4) as pool:
        assert list(pool.map(source.read, range(6))) == list(photos.values())
    time.sleep(0.01)
    dataset(folder, {name: data[:-1] + b"x" for name, data in photos.items()})
    assert open_source(f"hf:{folder}", cache=tmp_path / "cache").key != source.key


def test_nameless_and_missing_images_of_a_dataset(photos, tmp_path):
    folder = dataset(tmp_path / "set", photos, names=["", "../../up.jpg", "b", ""])
    source = open_source(f"hf:{folder}:train", cache=tmp_path / "cache")
    assert [r.file for r in source.records] == [
        "train/00000000.jpg",
        "train/up.jpg",
        "train/00000002.jpg",
        "train/00000003.jpg",
    ]
    folder = dataset(tmp_path / "empty", dict.fromkeys(photos, b""), names=["/none.jpg"] * 4)
    source = open_source(f"hf:{folder}:train", cache=tmp_path / "cache")
    with pytest.raises(PhotoError, match=r"cannot be read from its dataset.*none\.jpg"):
        source.read(0)


def test_a_folder_of_images_as_a_dataset_and_saved(photos, tmp_path):
    import datasets

    for i, (name, data) in enumerate(photos.items()):
        (tmp_path / f"set/{'ab'[i % 2]}").mkdir(parents=True, exist_ok=True)
        (tmp_path / f"set/{'ab'[i % 2]}/{name}").write_bytes(data)
    source = open_source(f"hf:{tmp_path}/set", cache=tmp_path / "cache")
    assert contents(source) == {f"train/{'ab'[i % 2]}/{n}": d for i, (n, d) in enumerate(photos.items())}
    loaded = datasets.load_dataset(f"{tmp_path}/set", cache_dir=str(tmp_path / "cache"))
    loaded.save_to_disk(tmp_path / "saved")
    for name in (f"{tmp_path}/saved", f"{tmp_path}/saved:train", f"{tmp_path}/saved/train"):
        assert sorted(contents(open_source(f"hf:{name}")).values()) == sorted(photos.values())


def test_datasets_that_cannot_be_read(photos, tmp_path):
    folder = dataset(tmp_path / "set", photos)
    with pytest.raises(ArchiveError, match=r"cannot be loaded.*nope"):
        open_source(f"hf:{folder}:nope", cache=tmp_path / "cache")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ArchiveError, match="cannot be loaded"):
        open_source(f"hf:{tmp_path / 'empty'}", cache=tmp_path / "cache")
    (tmp_path / "text").mkdir()
    table(tmp_path / "text/a.csv", [{"file": "a", "title": "b"}])
    with pytest.raises(ArchiveError, match=r"no column of images.*file, title"):
        open_source(f"hf:{tmp_path / 'text'}", cache=tmp_path / "cache")
    for name in ("hf:", "hf:/no/such/folder", "hf:a b/c", "hf:x" + "y" * 5000):
        with pytest.raises(ArchiveError, match="no such dataset"):
            open_source(name, cache=tmp_path / "cache")


def test_a_hub_that_cannot_be_reached(monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", f"http://{server.dead()}")
    with pytest.raises(DownloadError, match=r"hub cannot be reached.*someone/photos.*HF_HUB_OFFLINE"):
        open_source("hf:someone/photos:train", cache=tmp_path)


def test_a_dataset_that_the_hub_does_not_have(web, monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", web.url(""))
    web.faults["/api/datasets/someone/photos"] = [server.status(404, X_Error_Code="RepoNotFound")]
    with pytest.raises(ArchiveError, match=r"no such dataset on the hub.*someone/photos.*log in"):
        open_source("hf:someone/photos", cache=tmp_path)


def test_a_dataset_of_the_hub_reads_no_other_files(photos, tmp_path):
    import datasets

    (tmp_path / "cache").mkdir()
    for place in ("private.jpg", "cache/a.jpg"):
        (tmp_path / place).write_bytes(next(iter(photos.values())))
    paths = [str(tmp_path / place) for place in ("private.jpg", "cache/a.jpg", "cache/../private.jpg")]
    rows = datasets.Dataset.from_dict({"image": paths}).cast_column("image", datasets.Image(decode=False))
    source = hub_dataset._Dataset("a/b", [("train", rows, "image")], None, "CC0", False, [tmp_path / "cache"])
    assert source.read(1) == next(iter(photos.values()))
    for i in (0, 2):
        with pytest.raises(PhotoError, match=r"private\.jpg"):
            source.read(i)
    assert {(r.licence, r.licence_scope) for r in source.records} == {("CC0", "collection")}
