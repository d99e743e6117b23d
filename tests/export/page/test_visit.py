"""A page in a browser without any network but loopback: from a plain static server, as one file, and offline."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from reco_core.export.page.graph import about, feeds
from reco_core.utils.images import read_photo

pytestmark = pytest.mark.browser
PATIENCE = 60_000
EVIL = "<img src=x onerror=alert(1)>"


def give(tab: Page, *files: Path) -> None:
    tab.locator("#files").set_input_files(files)


def done(tab: Page, said: str = "") -> None:
    expect(tab.locator("#viewer")).to_have_attribute("data-state", "done", timeout=PATIENCE)
    expect(tab.locator("#viewer .said")).to_contain_text(said, timeout=PATIENCE)


def at(server) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}/"


@pytest.fixture
def folder(page, tmp_path) -> Path:
    page.write(tmp_path / "page")
    return tmp_path / "page"


@pytest.fixture
def traced_folder(traced_page, tmp_path) -> Path:
    traced_page.write(tmp_path / "traced")
    return tmp_path / "traced"


@pytest.mark.slow
def test_a_photo_is_marked_as_python_marks_it_and_stays_here(
    traced_folder, serve, visit, session, graph, chelsea, record_property
):
    address = at(serve(traced_folder))
    tab = visit(address)
    give(tab, chelsea)
    done(tab, "Found cat")
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Masks", exact=True).click()
    assert download.value.suggested_filename == "chelsea.labels.png"
    labels, photo = np.asarray(Image.open(download.value.path())), read_photo(chelsea)
    expected = session("steps").run(None, feeds(photo, about(graph)))[0]
    assert (labels == expected).mean() > 0.9999
    assert {url.split(":")[0] for url in tab.asked if not url.startswith(address)} <= {"blob", "data"}
    asked = sorted(url.removeprefix(address).split(".")[0] for url in tab.asked if url.startswith(address))
    assert [*dict.fromkeys(asked)] == ["", "model", "runtime", "wasm"] or "offline" in asked
    tab.set_viewport_size({"width": 390, "height": 800})  # it fits a phone
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    assert tab.faults == []
    for figure in ("ready", "milliseconds"):  # until a photo may be given, of a photo; in reports of the tests
        record_property(figure, tab.locator("body").get_attribute(f"data-{figure}"))


def test_the_page_cannot_reach_another_server(folder, serve, visit):
    other = serve(folder)
    tab = visit(at(serve(folder)), ready=False)
    reached = tab.evaluate("url => fetch(url, {mode: 'no-cors'}).then(() => 'reached', () => 'refused')", at(other))
    assert reached == "refused"


@pytest.mark.slow
def test_a_second_visit_needs_no_network(traced_folder, serve, visit, chelsea):
    server = serve(traced_folder)
    tab = visit(at(server))
    assert tab.evaluate("navigator.serviceWorker.ready.then(worker => worker.active !== null)")
    server.shutdown()
    server.server_close()
    tab.reload()
    tab.locator("body[data-ready]").wait_for()
    give(tab, chelsea)
    done(tab, "Found cat")
    assert tab.evaluate("crossOriginIsolated"), "the kept page may use several cores"


@pytest.mark.slow
def test_one_file_opens_by_a_double_click_and_names_are_text(traced_page, tmp_path, visit, chelsea):
    evil = replace(traced_page, title=EVIL, names=(EVIL, "person", "cup"), credits=EVIL)
    evil.write_single(tmp_path / "index.html")
    address = (tmp_path / "index.html").as_uri()
    tab = visit(address)
    expect(tab.get_by_role("heading")).to_have_text(EVIL)
    give(tab, chelsea)
    done(tab, f"Found {EVIL}")
    expect(tab.locator(".legend [data-name]").first).to_contain_text(EVIL)
    assert tab.locator("img[src=x]").count() == 0 and tab.faults == []
    assert json.loads(tab.locator("#about").text_content())["names"][0]["name"] == EVIL
    assert {url.split(":")[0] for url in tab.asked if url != address} <= {"blob", "data"}


@pytest.mark.slow
def test_several_photos_one_of_them_none(traced_folder, serve, visit, tmp_path, chelsea, table):
    (tmp_path / "notes.jpg").write_text("no photo")
    Image.new("RGB", (9, 9)).save(tmp_path / "dot.png")
    tab = visit(at(serve(traced_folder)))
    give(tab, chelsea, tmp_path / "notes.jpg", tmp_path / "dot.png", table)
    expect(tab.locator("#problem")).to_contain_text("notes.jpg is not a photo that this browser can read")
    expect(tab.locator("#problem")).to_contain_text("dot.png is too small")
    expect(tab.locator("#strip button")).to_have_count(2)
    done(tab, "Found cat")
    tab.get_by_role("button", name="table.png").click()
    done(tab, "Found cup")
    expect(tab.get_by_role("button", name="table.png")).to_have_attribute("aria-pressed", "true")
    with tab.expect_download() as saved:
        tab.get_by_role("button", name="Table", exact=True).click()
    rows = [*csv.DictReader(Path(saved.value.path()).read_text().splitlines())]
    found = {(row["photo"], row["name"]) for row in rows if row["answer"] == "found"}
    assert len(rows) == 6 and {("chelsea.png", "cat"), ("table.png", "cup")} <= found
    with tab.expect_download() as picture:
        tab.get_by_role("button", name="Picture", exact=True).click()
    assert Image.open(picture.value.path()).size == (600, 400)
    assert tab.faults == []


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("delete window.WebAssembly", "This browser is too old for this page"),
        ("CanvasRenderingContext2D.prototype.getImageData = () => new ImageData(8, 8)", "hides the colours of photos"),
    ],
)
def test_where_the_browser_cannot(script, sentence, folder, serve, visit):
    tab = visit(at(serve(folder)), script=script, ready=False)
    expect(tab.locator("#problem")).to_contain_text(sentence)
    expect(tab.locator("#files")).to_be_disabled()


def test_a_part_that_is_missing(folder, serve, visit):
    next(folder.glob("model.*")).unlink()
    tab = visit(at(serve(folder)), ready=False)
    expect(tab.locator("#problem")).to_contain_text("could not be loaded completely")


def test_a_folder_that_was_opened_as_a_file(folder, visit):
    tab = visit((folder / "index.html").as_uri(), ready=False)
    expect(tab.locator("#problem")).to_contain_text("make a page of a single file")
