"""The real models and archive, loaded once; real photos that scikit-image carries."""

import os
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the app and the command line do, before torch is loaded
os.environ.setdefault("OMP_NUM_THREADS", "1")  # every core has a process of its own, which runs other tests

from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image
from playwright.sync_api import Browser, sync_playwright
from support.chromium import launch
from support.towers import stir
from support.web import Web
from xdist.scheduler import LoadScopeScheduling

from reco_core.models import clip_encoder
from reco_core.models.clip import Clip
from reco_core.models.timm_backbone import Backbone
from reco_core.pipeline import ReCo
from reco_core.presets import Model, Preset
from reco_core.utils import download

# Folders whose tests run in one process: those of the page share a server and a browser, those of its API a server,
# those of adapting a specialist one, those of a page of its own one, those of models networks of gigabytes. Not so
# files of the page that have a server of their own.
OWN_SERVERS = ("app/test_adapt.py", "app/test_names_input.py", "app/test_preset_chooser.py")
TOGETHER = ("adaptation", "app/api", "app", "export", "models")


class Together(LoadScopeScheduling):
    """Tests of a file, or of one of these folders, run in one process, so that what they share is made once."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file.removeprefix("tests/") in OWN_SERVERS:
            return file
        return next((folder for folder in TOGETHER if file.startswith(f"tests/{folder}/")), file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log) -> Together:
    return Together(config, log)


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Random numbers of every test are the same each time, in whatever order tests run."""
    torch.manual_seed(0)
    np.random.seed(0)


@pytest.fixture
def hurry(monkeypatch) -> None:
    """Downloads that fail are tried again at once."""
    monkeypatch.setattr(download, "FIRST_PAUSE", 0.01)


@pytest.fixture
def web() -> Iterator[Web]:
    """A server on loopback without any file."""
    running = Web()
    yield running
    running.shutdown()


@pytest.fixture(scope="session")
def reco() -> ReCo:
    return ReCo.load(device="cpu")


@pytest.fixture(scope="session")
def random_networks() -> Callable[[Preset], clip_encoder.Networks]:
    """The real architectures of a preset with random weights; every model is built once."""
    built: dict[Model, Clip | Backbone] = {}

    def build(preset: Preset) -> clip_encoder.Networks:
        for model in preset.models:
            if model not in built:
                torch.manual_seed(len(model.name))
                with torch.inference_mode(False):  # whatever test asks first, others load weights into it
                    fresh = clip_encoder.network(model)
                    stir(fresh.network.visual if isinstance(fresh, Clip) else fresh.network)
                built[model] = fresh
        return clip_encoder.Networks(built[preset.retrieval], built[preset.language], built[preset.features])

    return build


@pytest.fixture(scope="session")
def outlines() -> Callable[[Preset], clip_encoder.Networks]:
    """The real architectures of a preset as names and shapes without values: at once, and in no memory."""

    @cache
    def outline(model: Model) -> Clip | Backbone:
        with pytest.MonkeyPatch.context() as patch, torch.device("meta"):
            patch.setattr(torch.nn.Module, "to", lambda self, *_, **__: self)  # open_clip asks for the CPU
            return clip_encoder.network(model)

    return lambda preset: clip_encoder.Networks(*map(outline, (preset.retrieval, preset.language, preset.features)))


@pytest.fixture(scope="session")
def cat() -> np.ndarray:
    return skimage.data.chelsea()


@pytest.fixture
def photo(tmp_path, cat) -> Path:
    Image.fromarray(cat).save(tmp_path / "cat.png")
    return tmp_path / "cat.png"


@pytest.fixture(scope="session")
def real_photos() -> dict[str, np.ndarray]:
    motorcycle, _, _ = skimage.data.stereo_motorcycle()
    return {
        "cat": skimage.data.chelsea(),
        "coffee": skimage.data.coffee(),
        "astronaut": skimage.data.astronaut(),
        "rocket": skimage.data.rocket(),
        "motorcycle": motorcycle,
    }


@pytest.fixture(scope="session")
def photo_folder(real_photos, tmp_path_factory) -> Path:
    """A folder of 20 real photos: five and three crops of each."""
    folder = tmp_path_factory.mktemp("photos")
    for name, photo in real_photos.items():
        height, width = photo.shape[:2]
        crops = [photo, photo[: height * 3 // 4], photo[:, width // 4 :], photo[height // 5 :, : width * 3 // 4]]
        for i, crop in enumerate(crops):
            Image.fromarray(crop).save(folder / f"{name}_{i}.jpg", quality=95)
    return folder


@pytest.fixture(scope="session")
def chelsea(tmp_path_factory) -> Path:
    """Chelsea the cat as a file to upload."""
    file = tmp_path_factory.mktemp("upload") / "chelsea.png"
    Image.fromarray(skimage.data.chelsea()).save(file)
    return file


@pytest.fixture(scope="session")
def table(tmp_path_factory) -> Path:
    """A cup on a table as a file to upload."""
    file = tmp_path_factory.mktemp("table") / "table.png"
    Image.fromarray(skimage.data.coffee()).save(file)
    return file


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One for all tests of a process: Playwright runs once in each."""
    with sync_playwright() as playwright:
        chromium = launch(playwright)
        yield chromium
        chromium.close()
