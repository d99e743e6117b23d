"""Photos, models and a specialist that tests of adapting share."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.adapting import TINY, Little, made, make, painted, take
from support.labelled import three, write_folder

from reco_core.adaptation import deeplab, job, specialist
from reco_core.adaptation.crops import Example
from reco_core.adaptation.recipe import RECIPES
from reco_core.archives.archive import Archive
from reco_core.archives.writer import write_archive
from reco_core.cli import adapt as adapt_cli
from reco_core.cli import bench as bench_cli
from reco_core.photo_sources.factory import list_photos
from reco_core.photo_sources.source import Files
from reco_core.pipeline import ReCo


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """What the command line made of the photos of `adapting.take`."""
    return made(tmp_path_factory.getbasetemp())[0]


@pytest.fixture(scope="session")
def photos(tmp_path_factory) -> Path:
    return take(tmp_path_factory.mktemp("taken") / "photos")


@pytest.fixture(scope="session")
def few(photos, tmp_path_factory) -> Path:
    """Two of them."""
    folder = tmp_path_factory.mktemp("few")
    for name in ("a.png", "f.png"):
        shutil.copy(photos / name, folder)
    return folder


@pytest.fixture(scope="session")
def fast(reco) -> ReCo:
    """The bundled model, shown small photos."""
    return ReCo(reco.encoder.at_side(96), reco.archive)


@pytest.fixture
def quick(monkeypatch) -> None:
    """Without ONNX, which takes seconds; with PyTorch a specialist does not need it."""
    monkeypatch.setattr(specialist, "export", lambda network, names, file: file.write_bytes(b"no graph"))
    monkeypatch.setattr(specialist, "compare", lambda network, file: 0.0)


@pytest.fixture
def asked(monkeypatch) -> list:
    """The photos that are labelled from now on."""
    labelled, real = [], job.label
    monkeypatch.setattr(job, "label", lambda photo, views: labelled.append(photo.shape) or real(photo, views))
    return labelled


@pytest.fixture(scope="session")
def undisturbed(fast, few, tmp_path_factory) -> Path:
    """The folder that a job without interruptions makes of `few`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(specialist, "export", lambda network, names, file: file.write_bytes(b"no graph"))
        patch.setattr(specialist, "compare", lambda network, file: 0.0)
        return make(fast, few, tmp_path_factory.mktemp("undisturbed") / "out").folder


@pytest.fixture(scope="session")
def rare(reco, photo_folder, tmp_path_factory) -> tuple[ReCo, Path]:
    """An archive of twenty photos, and the folder that has them."""
    folder = tmp_path_factory.mktemp("rare")
    (folder / "photos").mkdir()
    records = list_photos(photo_folder)
    for record in records:
        shutil.copy(photo_folder / record.file, folder / "photos")
    write_archive(folder / "archive", Files("", [(r, folder / "photos" / r.file) for r in records]), reco.encoder)
    return ReCo(reco.encoder, Archive(folder / "archive")), folder / "photos"


@pytest.fixture
def loaded(reco, monkeypatch) -> None:
    """The model is there already, and there is a tiny recipe."""
    monkeypatch.setattr(adapt_cli, "load", lambda args: reco)
    monkeypatch.setattr(bench_cli, "load", lambda args: reco)
    monkeypatch.setitem(RECIPES, "tiny", TINY)


@pytest.fixture(scope="session")
def things(real_photos, tmp_path_factory) -> Path:
    """A set whose classes are the specialist's names; beside it one that asks for other names."""
    folder = tmp_path_factory.mktemp("sets")
    three(real_photos, folder / "three")
    shown = {name: np.ascontiguousarray(real_photos[name][::3, ::3]) for name in ("cat", "coffee", "rocket")}
    truth = {name: np.zeros(photo.shape[:2], np.uint8) for name, photo in shown.items()}
    for label, labels in enumerate(truth.values(), 1):
        labels[20:60, 30:100], labels[:5] = label, 255
    meta = {"classes": ["background", "Rocket", "coffee cup", "cat"], "background": 0, "ignore": 255}
    return write_folder(folder / "things", shown, truth, meta)


@pytest.fixture(scope="module")
def little() -> Iterator[None]:
    """Networks of recipes with mini's encoder get a small one in its place."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deeplab, "MiniPyramid", Little)
        yield


@pytest.fixture(scope="module")
def examples(tmp_path_factory) -> list[Example]:
    return painted(tmp_path_factory.mktemp("painted"), 12)
