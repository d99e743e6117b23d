"""Purity of what words retrieve: the formula, and real photos in class folders."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from support.recorder import Recorder, cancelled

from reco_core.datasets.imagenet import ClassedPhotos, open_class_folder, open_imagenet
from reco_core.errors import Cancelled, DatasetError, OptionError
from reco_core.evaluation import retrieval
from reco_core.utils.images import read_photo


def naive_purity(similarities, classes, of, k):
    out = []
    for row, wanted in zip(similarities.tolist(), of.tolist(), strict=True):
        ranked = sorted(range(len(row)), key=lambda photo: (-row[photo], photo))
        out.append(sum(classes[photo] == wanted for photo in ranked[:k]) / k)
    return out


@pytest.mark.parametrize("k", [1, 7, 10, 90])
def test_purity_is_the_share_of_the_nearest(k):
    random = np.random.default_rng(k)
    similarities = random.normal(size=(6, 90)).round(1).astype(np.float32)  # rounded: many are equal
    classes, of = random.integers(0, 8, 90), np.array([3, 0, 5, 1, 2, 7])
    found = retrieval.purity(similarities, classes, of, k)
    assert found.tolist() == pytest.approx(naive_purity(similarities, classes, of, k))
    assert 0 < found.max() < 1 or k == 1


def test_a_small_class_cannot_be_pure():
    found = retrieval.purity(np.array([[0.9, 0.8, 0.1, 0.2]]), np.array([0, 0, 1, 1]), np.array([0]), 4)
    assert found.tolist() == [0.5]


def test_purity_refuses_what_does_not_fit():
    with pytest.raises(OptionError, match="queries by photos"):
        retrieval.purity(np.zeros((4, 2)), np.zeros(4), np.zeros(2), 1)
    for k in (0, 5):
        with pytest.raises(OptionError, match=r"1\.\.4"):
            retrieval.purity(np.zeros((2, 4)), np.zeros(4), np.zeros(2), k)


@pytest.fixture(scope="module")
def class_folder(photo_folder, tmp_path_factory) -> Path:
    """20 real photos in folders of their class, and one that is damaged."""
    root = tmp_path_factory.mktemp("classes") / "five_things"
    for file in photo_folder.iterdir():
        words = {"coffee": "cup_of_coffee", "astronaut": "person"}.get(file.stem[:-2], file.stem[:-2])
        (root / words).mkdir(parents=True, exist_ok=True)
        (root / words / file.name).symlink_to(file)
    (root / "rocket" / "a_damaged.jpg").write_bytes(b"no photo")
    (root / "empty").mkdir()
    (root / "notes.txt").write_text("no class")
    return root


def test_class_folders(class_folder, tmp_path):
    data = open_class_folder(class_folder)
    assert (data.name, data.words) == ("five_things", ("cat", "cup of coffee", "motorcycle", "person", "rocket"))
    assert len(data.photos) == 21
    assert all(file.parent.name.replace("_", " ") == data.words[index] for file, index in data.photos)
    with pytest.raises(DatasetError, match="nowhere"):
        open_class_folder(tmp_path / "nowhere")
    (tmp_path / "Cat").mkdir()
    with pytest.raises(DatasetError, match="no photos in class folders"):
        open_class_folder(tmp_path)
    (tmp_path / "cat").mkdir()
    with pytest.raises(DatasetError, match="same words"):
        open_class_folder(tmp_path)


def test_real_photos_are_found_by_their_words(reco, class_folder):
    data, control = open_class_folder(class_folder), Recorder()
    report = retrieval.run(reco.encoder, data, ks=(4, 2, 21, 50), batch=6, control=control)
    photos = [(file, index) for file, index in data.photos if file.name != "a_damaged.jpg"]
    rows = torch.stack([reco.encoder.query(photo=read_photo(file)) for file, _ in photos])
    words = torch.stack([reco.encoder.query(word) for word in data.words])
    classes = np.array([index for _, index in photos])
    for k in (2, 4):
        naive = naive_purity((words @ rows.T).numpy(), classes, np.arange(5), k)
        assert [row["purity"][k] for row in report["per_class"]] == pytest.approx(naive, abs=1e-4)
        assert report["purity"][k] == pytest.approx(np.mean(naive), abs=1e-4)
    assert report["purity"][4] >= 0.7, "chance is 0.2"
    assert list(report["purity"]) == [2, 4], "there are 20 photos"
    assert [row["words"] for row in report["per_class"]] == list(data.words)
    assert [row["photos"] for row in report["per_class"]] == [4] * 5
    assert (report["photos"], report["classes"], report["unreadable"]["count"]) == (20, 5, 1)
    assert report["unreadable"]["files"] == [str(class_folder / "rocket" / "a_damaged.jpg")]
    assert report["settings"]["preset"] == "mini" and report["settings"]["weights"] == reco.encoder.hash
    assert [step for step in control.reports if step[0] == "photos"] == [
        ("photos", done, 21) for done in (6, 12, 18, 21)
    ]
    assert control.reports[-1] == ("classes", 5, 5)


def test_stopping_and_what_cannot_be_measured(reco, class_folder, tmp_path):
    data = open_class_folder(class_folder)
    with pytest.raises(Cancelled):
        retrieval.run(reco.encoder, data, control=cancelled())
    few = ClassedPhotos("few", ("cat",), data.photos[:2])
    with pytest.raises(OptionError, match=r"no k fits.*10, 20, 50.*1\.\.2"):
        retrieval.run(reco.encoder, few)
    (tmp_path / "a.jpg").write_bytes(b"")
    with pytest.raises(DatasetError, match="no photo can be read"):
        retrieval.run(reco.encoder, ClassedPhotos("none", ("cat",), ((tmp_path / "a.jpg", 0),)))
    for words, photos in (((), ()), (("cat",), ((tmp_path / "a.jpg", 1),))):
        with pytest.raises(DatasetError):
            ClassedPhotos("wrong", words, photos)


def test_photos_are_searched_by_the_retrieval_model(class_folder, monkeypatch):
    """Of an encoder with two models, and in more words than are compared at a time."""
    data = open_class_folder(class_folder)
    stored = {file.name: np.eye(5, dtype=np.float32)[index] for file, index in data.photos}
    monkeypatch.setattr(retrieval, "WORDS", 2)
    monkeypatch.setattr(retrieval, "read_small", lambda file, side: (file, (1, 1)))
    encoder = SimpleNamespace(
        preset=SimpleNamespace(name="two models"),
        hash="",
        device="cpu",
        archive_side=224,
        crops=lambda file: (torch.from_numpy(stored[file.name]),),
        encode_crops=lambda crops: SimpleNamespace(
            retrieval=torch.stack([c for (c,) in crops]), embedding=-torch.stack([c for (c,) in crops])
        ),
        embed_queries=lambda words: torch.eye(5)[[data.words.index(word) for word in words]],
    )
    assert retrieval.run(encoder, data, ks=(4,))["purity"] == {4: 1.0}


def test_imagenet_folders_have_plain_names(tmp_path):
    for wnid in ("n15075141", "n02123045", "n01440764", "n99999999"):
        (tmp_path / "val" / wnid).mkdir(parents=True)
        (tmp_path / "val" / wnid / f"ILSVRC2012_val_{wnid[-5:]}.JPEG").touch()
    data = open_imagenet(tmp_path)
    assert (data.name, data.words) == ("imagenet", ("tench", "tabby cat", "toilet paper"))
    assert [(file.parent.name, index) for file, index in data.photos] == [
        ("n01440764", 0),
        ("n02123045", 1),
        ("n15075141", 2),
    ]
    assert open_imagenet(tmp_path / "val") == data


def test_imagenet_that_is_missing(tmp_path):
    with pytest.raises(DatasetError, match=r"nowhere.*image-net\.org"):
        open_imagenet(tmp_path / "nowhere")
    (tmp_path / "val").mkdir()
    (tmp_path / "val" / "ILSVRC2012_val_00000001.JPEG").touch()
    with pytest.raises(DatasetError, match=r"val/WNID.*image-net\.org.*sort the photos"):
        open_imagenet(tmp_path)
