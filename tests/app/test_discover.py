"""The tab "What's in it?" in a real browser: everything found and named, other names, other parts, on to Find."""

import json
from collections.abc import Callable

import numpy as np
import pytest
import skimage.data
from PIL import Image
from playwright.sync_api import Locator, Page, expect
from support.page import EVIL, PATIENCE, choose, complains, downloads, example, fits, found, names_field, state, tab

from reco_app.components.examples import WELCOME

TAB = "What's in it?"


def listed(page: Page) -> list[str]:
    """Every name, guesses too."""
    return page.locator("#discover-legend .reco-name").evaluate_all("names => names.map(name => name.textContent)")


def offered(page: Page) -> list[str]:
    return page.locator("#discover-names label:has(input)").all_inner_texts()


def start(page: Page, key: str) -> None:
    """The photo of an example comes along from the tab Find; a first visit shows one, which is asked once."""
    state(page, "done")
    if key != WELCOME:
        example(page, key)
        expect(page.locator("#history [data-pick]")).to_have_count(2, timeout=PATIENCE)
    expect(page.locator("#viewer .photo")).to_be_visible(timeout=PATIENCE)
    tab(page, TAB)
    state(page, "empty", "discover-viewer")
    expect(page.locator("#discover-viewer .photo")).to_be_visible(timeout=PATIENCE)
    look(page)


def look(page: Page) -> None:
    page.click("#discover-start")
    expect(page.locator("#discover-legend .reco-row").first).to_be_attached(timeout=PATIENCE)
    state(page, "done", "discover-viewer")


def after(page: Page, act: Callable[[], object]) -> list[str]:
    """What is in the legend when it is another."""
    page.evaluate("document.querySelector('#discover-legend table').classList.add('old')")
    act()
    expect(page.locator("#discover-legend table.old")).to_have_count(0, timeout=PATIENCE)
    return listed(page)


def divide(page: Page, parts: int) -> None:
    slider = page.locator("#discover-parts input[type=range]")
    slider.fill(str(parts))
    slider.dispatch_event("pointerup")


def row(page: Page, name: str) -> Locator:
    return page.locator("#discover-legend .reco-row").filter(has=page.get_by_text(name, exact=True))


def rename(page: Page, old: str, new: str) -> None:
    row(page, old).locator(".reco-pencil").click()
    page.locator(".reco-box").fill(new)
    page.locator(".reco-box").press("Enter")


def open_guesses(page: Page) -> None:
    for fold in page.locator(".reco-guesses:not([open]) summary:visible").all():  # hidden where there is no guess
        fold.click()


@pytest.mark.slow
def test_the_photo_comes_along_and_what_is_sure_goes_back(visit):
    page = visit()
    start(page, "motorcycle")
    sure = offered(page)
    assert 1 <= len(sure) <= len(listed(page))
    assert listed(page)[: len(sure)] == sure  # guesses come after, folded
    expect(page.locator(".reco-guesses .reco-row").first).to_be_hidden()
    fewer = after(page, lambda: divide(page, 1))
    finer = after(page, lambda: divide(page, 20))
    assert len(fewer) == 1 < len(finer)
    sure = offered(page)
    page.click("#discover-send")
    expect(names_field(page)).to_be_visible(timeout=PATIENCE)
    found(page, *sure)


@pytest.mark.slow
def test_names_are_changed_everywhere(visit):
    page = visit()
    start(page, "motorcycle")
    open_guesses(page)
    names = listed(page)
    first, last = names[0], names[-1]
    row(page, last).locator(".reco-pencil").click()
    page.locator(".reco-box").press("Escape")
    assert listed(page) == names
    assert EVIL in after(page, lambda: rename(page, last, f"  {EVIL} "))
    expect(row(page, EVIL)).to_contain_text("named by you")
    assert EVIL in offered(page)  # whoever named it is sure
    rename(page, first, "one, two")
    complains(page, "These are several names")
    assert len(after(page, lambda: rename(page, EVIL, first))) == len(names) - 1  # both are one now
    assert after(page, page.get_by_text("Take the found names again").click) == names
    assert page.evaluate("document.querySelectorAll('img[src=x]').length") == 0
    saved = downloads(page, ".discover-download")
    assert set(saved) == {"overlay.png", "labels.png", "result.json"}
    segments = json.loads(saved["result.json"].read_text())["segments"]
    assert {segment["name"] for segment in segments} == set(listed(page))
    assert set(np.unique(Image.open(saved["labels.png"]))) == {segment["label"] for segment in segments}


@pytest.mark.slow
def test_phone_own_words_and_errors(visit, tmp_path):
    page = visit(width=390, height=844, touch=True)
    start(page, "rocket")
    fake = tmp_path / "notes.jpg"
    fake.write_text("These are not pixels. " * 50)
    choose(page, fake, area="discover-photo")
    state(page, "error", "discover-viewer")
    expect(page.locator("#discover-viewer .message")).to_contain_text("notes.jpg is not an image")
    expect(page.locator("#discover-viewer .photo")).to_be_visible()  # what was there stays
    expect(page.locator("#discover-legend")).to_be_visible()
    good = tmp_path / "good.png"
    Image.fromarray(skimage.data.chelsea()).save(good)
    choose(page, good, area="discover-photo")
    state(page, "empty", "discover-viewer")
    page.locator("#discover-options").get_by_role("button", name="Options").click()
    words = page.locator("#discover-words textarea")
    words.fill("cat, wall")
    look(page)
    fits(page, "#discover")
    words.fill("!!")
    page.click("#discover-start")
    expect(page.locator("#discover-viewer .message")).to_contain_text("A name has no letters", timeout=PATIENCE)
    tab(page, "Find")
    expect(page.locator("#viewer .photo")).to_be_visible()
    assert "Traceback" not in page.content()
