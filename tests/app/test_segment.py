"""The Segment tab in a real browser, with the real models and no network."""

import json
import re
from collections.abc import Callable

import numpy as np
import pytest
import skimage.data
from PIL import Image
from playwright.sync_api import Page, expect
from support.page import PATIENCE, ask, choose, complains, downloads, fits, picture, wait_for_legend
from support.photos import huge_png

from reco_app.app import TITLE


def redrawn(page: Page, act: Callable[[], None]) -> np.ndarray:
    """The result's picture when it is another than before."""
    source = page.locator("#overlay img").get_attribute("src")
    act()
    expect(page.locator("#overlay img")).not_to_have_attribute("src", source, timeout=PATIENCE)
    return picture(page, "#overlay")


def slide(page: Page, where: str, value: float) -> None:
    slider = page.locator(f"{where} input[type=range]")
    slider.fill(f"{value}")
    slider.dispatch_event("pointerup")


def test_photo_to_masks_with_evidence(visit, chelsea, tmp_path):
    page = visit()
    expect(page).to_have_title(TITLE)
    status = re.compile(r"Preset mini .* photos in the archive")
    expect(page.locator("#status")).to_contain_text(status, timeout=PATIENCE)
    assert all(re.match(r"(http://127\.0\.0\.1:|data:|blob:)", url) for url in page.asked)
    choose(page, chelsea)
    ask(page, "cat, wall")
    wait_for_legend(page, "cat", "wall")
    shown, photo = picture(page, "#overlay"), skimage.data.chelsea().astype(int)
    assert shown.shape == photo.shape
    assert np.abs(shown - photo).mean() > 10
    assert re.search(r"\d+\.\d %", page.locator("#legend .reco-row").first.inner_text())

    tiles = page.locator("#gallery .reco-tile")
    assert tiles.count() == page.locator("#gallery .reco-seed").count() == 40
    broken = page.evaluate(
        """[...document.querySelectorAll('#gallery .reco-frame')].filter(frame => {
             const image = frame.querySelector('img'), box = image?.getBoundingClientRect();
             const loaded = image && image.complete && image.naturalWidth > 0;
             const iconless = !image || (image.alt === '' && getComputedStyle(image).display === 'inline'
               && !image.hasAttribute('width') && !image.hasAttribute('height'));
             return !loaded && !(iconless && getComputedStyle(frame).backgroundImage.startsWith('url("data:image/'));
           }).length"""
    )
    assert broken == 0
    inside = page.evaluate(
        """[...document.querySelectorAll('#gallery .reco-seed')].every(dot => {
             const x = parseFloat(dot.style.left), y = parseFloat(dot.style.top);
             return x >= 0 && x <= 100 && y >= 0 && y <= 100;
           })"""
    )
    assert inside

    saved = downloads(page, ".download")
    assert set(saved) == {"overlay.png", "labels.png", "result.json"}
    assert Image.open(saved["labels.png"]).size == (451, 300)
    assert [c["name"] for c in json.loads(saved["result.json"].read_text())["concepts"]] == ["cat", "wall"]


def test_toggles_and_opacity_redraw(visit):
    page = visit()
    ask(page, "cat, airplane", enter=True)
    wait_for_legend(page, "cat", "airplane")
    expect(page.locator("#toggles")).to_contain_text("airplane (not found)")
    expect(page.locator("#legend .absent .reco-name")).to_have_text("airplane")
    expect(page.locator("#legend")).to_contain_text("not found: it does not seem to be in this photo")
    before = picture(page, "#overlay")
    plain = redrawn(page, page.get_by_label("cat", exact=True).uncheck)
    assert np.abs(plain - before).mean() > 10
    bare = redrawn(page, lambda: slide(page, "#opacity", 0))
    assert np.abs(bare - skimage.data.chelsea()).mean() < 4  # JPEG only


@pytest.mark.slow
def test_what_was_not_found_is_faint_and_shown_with_one_click(visit):
    page = visit(width=390, height=844)

    def gap(a: np.ndarray, b: np.ndarray) -> float:
        return float((np.abs(a - b).max(-1) > 30).mean())

    page.get_by_role("button", name="Options").click()
    page.get_by_label("Method").click()
    page.get_by_role("option", name=re.compile("^reco: ")).click()
    ask(page, "cat, sofa")
    wait_for_legend(page, "cat", "sofa")
    show, note = page.locator("#legend .absent button"), page.locator("#legend .reco-note").last.inner_text()
    expect(show).to_have_text("show anyway")
    expect(page.get_by_label("sofa (not found)")).not_to_be_checked()
    faint = picture(page, "#overlay")
    full = redrawn(page, show.click)
    expect(page.get_by_label("sofa (not found)")).to_be_checked()
    expect(show).to_have_text("only outline")
    fits(page)
    # Found and unticked, it is not drawn at all.
    redrawn(page, lambda: slide(page, "#found-from", 0.05))
    expect(page.locator("#legend .absent")).to_have_count(0)
    plain = redrawn(page, page.get_by_label("sofa", exact=True).uncheck)
    assert 0.001 < gap(faint, plain) < gap(full, plain)
    assert gap(full, faint) > 0.005
    np.testing.assert_array_equal(redrawn(page, lambda: slide(page, "#found-from", 0.5)), faint)
    expect(page.get_by_label("sofa (not found)")).not_to_be_checked()
    assert page.locator("#legend .reco-note").last.inner_text() == note  # its times: the model did not run again


@pytest.mark.slow
def test_phone(visit):
    page = visit(width=390, height=844)
    page.locator("#examples tbody tr").nth(2).click()
    wait_for_legend(page, "spacesuit")
    fits(page)


@pytest.mark.slow
def test_errors_are_clear_and_the_app_goes_on(visit, chelsea, tmp_path):
    page = visit()
    fake, cut = tmp_path / "notes.jpg", tmp_path / "cut.jpg"
    fake.write_text("These are not pixels. " * 50)
    Image.fromarray(skimage.data.chelsea()).save(cut)
    cut.write_bytes(cut.read_bytes()[:9000])

    page.locator("#examples tbody tr").nth(0).click()  # after which Gradio makes the session's controls anew
    wait_for_legend(page, "cat", "dog")
    ask(page, "  ,, ")
    complains(page, "No names were given")
    for file, about in (
        (fake, "notes.jpg is not an image"),
        (huge_png(tmp_path / "huge.png"), "huge.png is too large"),
        (cut, "cut.jpg is damaged or cut short"),
    ):
        choose(page, file)
        ask(page, "cat")
        complains(page, about)
    page.locator("#photo").get_by_label("Remove Image").click()
    ask(page, "cat")
    complains(page, "There is no photo")
    assert "Traceback" not in page.content()
    choose(page, chelsea)
    ask(page, "cat")
    wait_for_legend(page, "cat")


@pytest.mark.slow
def test_two_users_at_once(visit):
    one, two = visit(), visit()
    one.locator("#examples tbody tr").nth(1).click()
    two.locator("#examples tbody tr").nth(4).click()
    wait_for_legend(one, "motorcycle")
    wait_for_legend(two, "rocket")
    # Redrawing uses the session's own result.
    for page, name, shape in ((one, "motorcycle", (500, 741, 3)), (two, "rocket", (427, 640, 3))):
        assert redrawn(page, page.locator("#toggles input").first.click).shape == shape
        assert page.locator("#legend .reco-name").all_inner_texts() == [name]
