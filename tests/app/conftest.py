"""One browser and one server for all tests of the app; each test is a visitor of its own."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from support import viewer_page
from support.page import PATIENCE
from support.server import serving

from reco_app.context import AppContext
from reco_app.preset_pool import PresetPool
from reco_app.visitor.uploads import Uploads
from reco_app.visitor.user_photos import UserPhotos

VIEWS = ((50, 150, 300), (80, 120, 300), (20, 180, 320), (60, 80, 330), (90, 200, 300))  # top, left, side


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")


@pytest.fixture(scope="session")
def server_folder(tmp_path_factory) -> Path:
    """Where the server keeps what is temporary."""
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="session")
def address(server_folder) -> Iterator[str]:
    with serving([sys.executable, "app.py"], server_folder) as url:
        yield url


@pytest.fixture
def visit(browser: Browser, request) -> Iterator[Callable[..., Page]]:
    """Opens the app as a new visitor; notes which addresses the page asks for."""
    contexts = []

    def open_page(
        width: int = 1280, height: int = 900, address: str = "", touch: bool = False, script: str = ""
    ) -> Page:
        options = {"viewport": {"width": width, "height": height}, "has_touch": touch, "is_mobile": touch}
        context = browser.new_context(accept_downloads=True, **options)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.add_init_script(script)
        page.asked = []
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(address or request.getfixturevalue("address"))
        page.wait_for_selector("#segment")
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def viewer_address(tmp_path_factory) -> Iterator[str]:
    """The page with nothing but the viewer."""
    with serving([sys.executable, "tests/support/viewer_app.py"], tmp_path_factory.mktemp("viewer")) as url:
        yield url


@pytest.fixture
def view(browser: Browser, viewer_address: str) -> Iterator[Callable[..., Page]]:
    """Opens the viewer's page as a new visitor; `result` asks for the result at once."""
    contexts = []
    expect.set_options(timeout=PATIENCE)

    def open_page(width: int = 1280, result: bool = True, **options) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.faults, page.asked = [], []
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on("console", lambda said: said.type == "error" and page.faults.append(said.text))
        page.goto(f"{viewer_address}?__theme=light")
        page.wait_for_selector("#viewer[data-state=empty]")
        if result:
            viewer_page.run(page)
        page.on("request", lambda request: page.asked.append(request.url))
        return page

    yield open_page
    for context in contexts:
        assert [page.faults for page in context.pages] == [[]]
        context.close()


@pytest.fixture
def context(reco, tmp_path) -> AppContext:
    """Of an app that no one serves."""
    return AppContext(PresetPool(lambda name: reco, "mini"), cache=tmp_path / "cache")


@pytest.fixture(scope="session")
def cup_photos(tmp_path_factory) -> list[Path]:
    """Five photos of a cup, for which no model has the name that it is given in tests."""
    folder, files = tmp_path_factory.mktemp("cups"), []
    for i, (top, left, side) in enumerate(VIEWS):
        view = skimage.data.coffee()[top : top + side, left : left + side][:, :: -1 if i % 2 else 1] * (0.8 + 0.1 * i)
        files.append(folder / f"cup{i}.jpg")
        Image.fromarray(view.clip(0, 255).astype(np.uint8)).save(files[-1])
    return files


@pytest.fixture
def user_photos(cup_photos) -> UserPhotos:
    fresh = UserPhotos()
    assert fresh.add(Uploads(list(map(str, cup_photos))), "Zorbl") == (5, [])
    return fresh
