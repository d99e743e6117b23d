"""The Discover tab in a real browser: everything found and named, other names, other parts, on to Segment."""

import json
import re
from collections.abc import Callable

import numpy as np
import pytest
import skimage.data
from PIL import Image
from playwright.sync_api import Locator, Page, expect
from support.page import EVIL, PATIENCE, complains, downloads, fits, picture, tab

MOTORCYCLE, ROCKET = 1, 4
OVERLAY = "#discover-overlay"


def found(page: Page) -> list[str]:
    return page.locator("#discover-legend .reco-name").all_inner_texts()


def start(page: Page, example: int) -> None:
    """One click on an example, in the tab."""
    tab(page, "Discover")
    page.locator("#discover-examples button.gallery-item").nth(example).click()
    expect(page.locator("#discover-legend .reco-row").first).to_be_visible(timeout=PATIENCE)
    expect(page.locator(f"{OVERLAY} img")).to_be_visible(timeout=PATIENCE)


def after(page: Page, act: Callable[[], object]) -> list[str]:
    """What is in the legend when the picture is another."""
    source = page.locator(f"{OVERLAY} img").get_attribute("src")
    act()
    expect(page.locator(f"{OVERLAY} img")).not_to_have_attribute("src", source, timeout=PATIENCE)
    return found(page)


def divide(page: Page, parts: int) -> None:
    slider = page.locator("#discover-parts input[type=range]")
    slider.fill(str(parts))
    slider.dispatch_event("pointerup")


def rename(page: Page, old: str, new: str) -> None:
    row(page, old).locator(".reco-pencil").click()
    page.locator(".reco-box").fill(new)
    page.locator(".reco-box").press("Enter")


def row(page: Page, name: str) -> Locator:
    return page.locator("#discover-legend .reco-row").filter(has=page.get_by_text(name, exact=True))


def tick(page: Page, name: str) -> Locator:
    return page.locator("#discover-names").get_by_label(name, exact=True)


def segmented(page: Page, *names: str) -> None:
    """The Segment tab is in front and shows these names' result."""
    expect(page.locator("#names :is(input, textarea)")).to_be_visible(timeout=PATIENCE)
    expect(page.locator("#names :is(input, textarea)")).to_have_value(", ".join(names))
    expect(page.locator("#legend .reco-name")).to_have_text(list(names), timeout=PATIENCE)
    expect(page.locator("#overlay img")).to_be_visible(timeout=PATIENCE)


def test_two_visitors_find_divide_and_hand_over_their_own(visit):
    page, other = visit(), visit()
    start(page, MOTORCYCLE)
    start(other, ROCKET)
    names, theirs = found(page), found(other)
    assert len(names) >= 2
    expect(row(page, names[0])).to_contain_text(re.compile(r"\d+\.\d %\s*\d+ %"))
    photo, rocket = skimage.data.stereo_motorcycle()[0].astype(int), skimage.data.rocket()
    assert picture(page, OVERLAY).shape == photo.shape
    assert np.abs(picture(page, OVERLAY) - photo).mean() > 20

    note = page.locator("#discover-legend .reco-note").last.inner_text()
    fewer = after(page, lambda: divide(page, 1))
    finer = after(page, lambda: divide(page, 20))
    assert len(fewer) == 1 < len(finer)
    assert page.locator("#discover-legend .reco-note").last.inner_text() == note  # its time: the photo was read once
    assert page.locator("#discover-names label:has(input:checked)").all_inner_texts() == finer
    tick(page, finer[0]).uncheck()
    page.click("#discover-send")
    segmented(page, *finer[1:])
    assert picture(page, "#overlay").shape == photo.shape

    assert found(other) == theirs
    (name,) = after(other, lambda: divide(other, 1))
    assert picture(other, OVERLAY).shape == rocket.shape
    row(other, name).locator(".reco-show").click()
    segmented(other, name)
    assert picture(other, "#overlay").shape == rocket.shape


@pytest.mark.slow
def test_names_are_changed_everywhere(visit):
    page = visit()
    start(page, MOTORCYCLE)
    names = found(page)
    first, last = names[0], names[-1]
    tick(page, first).uncheck()
    row(page, last).locator(".reco-pencil").click()
    page.locator(".reco-box").press("Escape")
    assert found(page) == names
    assert after(page, lambda: rename(page, last, f"  {EVIL} ")) == [*names[:-1], EVIL]
    expect(row(page, EVIL)).to_contain_text("named by you")
    expect(tick(page, EVIL)).to_be_checked()
    expect(tick(page, first)).not_to_be_checked()
    rename(page, first, "one, two")
    complains(page, "These are several names")
    assert len(after(page, lambda: rename(page, EVIL, first))) == len(names) - 1  # both are one now
    assert after(page, page.get_by_text("Take the found names again").click) == names
    choice = row(page, last).locator("+ .reco-remark .reco-or").last
    taken = choice.inner_text()
    assert taken in after(page, choice.click)
    assert EVIL in after(page, lambda: rename(page, taken, EVIL))
    assert page.evaluate("document.querySelectorAll('img[src=x]').length") == 0

    saved = downloads(page, ".discover-download")
    assert set(saved) == {"overlay.png", "labels.png", "result.json"}
    segments = json.loads(saved["result.json"].read_text())["segments"]
    assert {segment["name"] for segment in segments} == set(found(page))
    assert [segment["name"] for segment in segments if segment["named_by_user"]] == [EVIL]
    assert set(np.unique(Image.open(saved["labels.png"]))) == {segment["label"] for segment in segments}
    assert Image.open(saved["overlay.png"]).size == Image.open(saved["labels.png"]).size == (741, 500)


@pytest.mark.slow
def test_phone_own_words_and_errors(visit, tmp_path):
    page = visit(width=390, height=844)
    tab(page, "Discover")
    fake = tmp_path / "notes.jpg"
    fake.write_text("These are not pixels. " * 50)
    page.locator("#discover-photo").get_by_label("Remove Image").click()
    page.click("#discover-start")
    complains(page, "There is no photo")
    page.locator("#discover-photo input[type=file]").set_input_files(fake)
    page.wait_for_selector("#discover-photo img[src$='notes.jpg']", state="attached")
    page.click("#discover-start")
    complains(page, "notes.jpg is not an image")
    start(page, ROCKET)
    after(page, lambda: divide(page, 20))
    row(page, found(page)[0]).locator(".reco-pencil").click()
    fits(page, "#discover")
    page.locator(".reco-box").press("Escape")

    page.locator("#discover-options").get_by_role("button", name="Options").click()
    words = page.locator("#discover-words textarea")
    words.fill("space rocket, electricity pylon")
    after(page, lambda: page.click("#discover-start"))
    expect(page.locator("#discover-legend .reco-name").filter(has_text="space rocket")).to_be_visible(timeout=PATIENCE)
    assert len(after(page, lambda: divide(page, 2))) <= 2

    for label in page.locator("#discover-names input").all():
        label.uncheck()
    page.click("#discover-send")
    complains(page, "No names are ticked")
    words.fill("!!")
    page.click("#discover-start")
    complains(page, "A name has no letters")
    words.fill("")
    assert "Traceback" not in page.content()
