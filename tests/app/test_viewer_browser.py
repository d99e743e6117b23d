"""The viewer in a browser: every control, by mouse, touch and keyboard; nothing of it asks the server."""

import re
import sys
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect
from support.page import PATIENCE, fits
from support.server import serving
from support.viewer_app import EVIL, LINK, scene

LATEST = 50  # milliseconds in which a change is drawn
EVERY = ("empty", "running", "done", "error")


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> Iterator[str]:
    """The page with nothing but the viewer."""
    with serving([sys.executable, "tests/support/viewer_app.py"], tmp_path_factory.mktemp("viewer")) as url:
        yield url


@pytest.fixture
def look(browser: Browser, alone: str) -> Iterator[Callable[..., Page]]:
    """Opens the page; `result` asks for the result at once."""
    contexts = []

    def open_page(width: int = 1280, result: bool = True, **options) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.faults, page.asked = [], []
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on("console", lambda said: said.type == "error" and page.faults.append(said.text))
        page.goto(f"{alone}?__theme=light")
        page.wait_for_selector("#viewer[data-state=empty]")
        if result:
            run(page)
        page.on("request", lambda request: page.asked.append(request.url))
        return page

    yield open_page
    for context in contexts:
        assert [page.faults for page in context.pages] == [[]]
        context.close()


def run(page: Page) -> None:
    page.click("#run")
    page.wait_for_selector("#viewer[data-state=done]")


def shade(page: Page, x: float, y: float, side: int = 1) -> list[int]:
    """The colour that a side has at a share of the photo: red, green, blue, how much of it covers (0..255)."""
    script = """([x, y, side]) => {
      const fills = document.querySelectorAll('.side .fills')[side];
      if (fills.parentElement.hidden) return [0, 0, 0, 0];
      return [...fills.getContext('2d').getImageData(x * fills.width, y * fills.height, 1, 1).data];
    }"""
    return page.evaluate(script, [x, y, side])


def drawn(page: Page) -> set[str]:
    """Which of the found names have their colour in the picture."""
    points = {"cup": (0.5, 0.5), "spoon": (0.28, 0.75), "table": (0.05, 0.5)}
    return {name for name, point in points.items() if shade(page, *point)[3] == 255}


def inked(page: Page, side: int = 1) -> np.ndarray:
    """Where outlines and written names are."""
    script = """side => {
      const lines = document.querySelectorAll('.side .lines')[side];
      const data = lines.getContext('2d').getImageData(0, 0, lines.width, lines.height).data;
      return [lines.height, lines.width, Array.from({length: data.length / 4}, (_, i) => data[4 * i + 3] > 99 ? 1 : 0).join('')];
    }"""
    height, width, bits = page.evaluate(script, side)
    return np.frombuffer(bits.encode(), np.uint8).reshape(height, width) == ord("1")


def point(page: Page, x: float, y: float, act: str = "move") -> None:
    """Go to, click, or tap a share of the stage."""
    box = page.locator(".stage").bounding_box()
    at = box["x"] + x * box["width"], box["y"] + y * box["height"]
    {"move": page.mouse.move, "click": page.mouse.click, "tap": page.touchscreen.tap}[act](*at)


def zoom(page: Page) -> float:
    return float(re.search(r"scale\(([\d.]+)\)", page.locator(".photo").get_attribute("style"))[1])


def test_a_result_says_what_was_found(look):
    page = look()
    expect(page.locator(".picture")).to_have_attribute("aria-label", "table 46 %, cup 36 %, spoon 4 %")
    expect(page.locator(".said")).to_have_text(
        "Found table 46 %, cup 36 %, spoon 4 %; 2 maybe there; 41 not found."
    )
    rows = page.locator(".legend [data-name]")
    assert rows.evaluate_all("rows => rows.slice(0, 6).map(row => [row.dataset.name, row.dataset.answer])") == [
        ["table", "found"],
        ["cup", "found"],
        ["spoon", "found"],
        ["zebra", "maybe"],
        ["shadow", "maybe"],
        ["thing 0", "absent"],
    ]
    expect(rows).to_have_count(46)
    expect(rows.last).to_have_attribute("data-name", EVIL)
    expect(page.locator("summary").last).to_have_text("41 not found")
    expect(rows.last).to_be_hidden()
    assert drawn(page) == {"cup", "spoon", "table"}
    assert inked(page).any()
    assert not page.locator("img[src=x]").count()


def test_pointing_shows_a_card_and_a_click_only_this_one(look):
    page = look()
    expect(page.locator(".card")).to_be_hidden()
    point(page, 0.5, 0.5)
    expect(page.locator(".card b")).to_have_text("cup")
    expect(page.locator(".card span")).to_have_text("36 % of the photo · presence 0.98")
    assert shade(page, 0.05, 0.5)[3] < shade(page, 0.5, 0.5)[3] == 255
    point(page, 0.9, 0.97)  # the shadow is drawn only if it is asked for
    expect(page.locator(".card")).to_be_hidden()
    point(page, 0.5, 0.5, "click")
    assert drawn(page) == {"cup"}
    expect(page.locator("[data-name=cup] .name")).to_have_attribute("aria-pressed", "true")
    point(page, 0.5, 0.5, "click")
    assert drawn(page) == {"cup"} or shade(page, 0.05, 0.5)[3] > 0  # the pointer is still there
    page.mouse.move(0, 0)
    assert drawn(page) == {"cup", "spoon", "table"}
    page.locator("[data-name=spoon] .name").click()
    page.mouse.move(0, 0)
    assert drawn(page) == {"spoon"}
    point(page, 0.05, 0.5, "click")  # nothing is drawn there now
    page.mouse.move(0, 0)
    assert drawn(page) == {"cup", "spoon", "table"}
    assert page.asked == []


def test_toggles_opacity_outlines_names(look):
    page = look()
    page.get_by_label("Show cup").uncheck()
    page.mouse.move(0, 0)
    assert drawn(page) == {"spoon", "table"}
    page.get_by_label("Show cup").check()
    page.mouse.move(0, 0)
    with_all = inked(page).sum()
    page.click("[data-tool=written]")
    without_names = inked(page).sum()
    page.click("[data-tool=outlines]")
    assert with_all > without_names > inked(page).sum() == 0
    expect(page.locator("[data-tool=outlines]")).to_have_attribute("aria-pressed", "false")
    page.get_by_label("Opacity").fill("20")
    assert page.locator(".side .fills").last.evaluate("fills => fills.style.opacity") == "0.2"
    page.get_by_label("Show shadow").check()  # in dashes: some of its border is drawn, and no fill
    page.mouse.move(0, 0)
    ink = inked(page)
    edge = ink[-6:, int(0.72 * ink.shape[1]) : -4].any(0)
    assert 0.3 < edge.mean() < 0.9
    assert shade(page, 0.9, 0.97)[3] < 255
    point(page, 0.9, 0.97)
    expect(page.locator(".card span")).to_contain_text("maybe")
    assert page.asked == []


def test_zoom_and_pan_by_wheel_buttons_and_keys(look):
    page = look()
    expect(page.locator("[data-zoom=fit]")).to_be_hidden()
    page.click("[data-zoom=in]")
    assert zoom(page) == 1.5
    page.click("[data-zoom=out]")
    assert zoom(page) == 1
    expect(page.locator("[data-zoom=in]")).to_be_focused()
    point(page, 0.25, 0.75)
    page.mouse.wheel(0, 300)  # at the whole photo, the page scrolls
    assert zoom(page) == 1
    page.wait_for_timeout(500)
    point(page, 0.28, 0.75)
    page.mouse.wheel(0, -800)
    page.wait_for_function("document.querySelector('.photo').style.transform.includes('scale(3')")
    point(page, 0.28, 0.75)  # what was pointed at stays where it was
    expect(page.locator(".card b")).to_have_text("spoon")
    before = page.locator(".photo").get_attribute("style")
    box = page.locator(".stage").bounding_box()
    page.mouse.down()
    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.8 * box["height"], steps=4)
    page.mouse.up()
    assert page.locator(".photo").get_attribute("style") != before
    page.wait_for_timeout(50)
    assert page.locator("[data-name=spoon] .name").get_attribute("aria-pressed") == "false"  # a drag is no click
    stage = page.locator(".stage")
    stage.press("0")
    assert zoom(page) == 1
    for key, expected in (("+", 1.5), ("+", 2.25), ("-", 1.5)):
        stage.press(key)
        assert zoom(page) == expected
    stage.press("Shift+ArrowRight")
    assert "translate(0px" not in page.locator(".photo").get_attribute("style")
    stage.press("Escape")
    assert zoom(page) == 1
    assert page.asked == []


def test_names_are_written_where_they_fit(look):
    page = look(width=360)
    page.click("[data-tool=outlines]")
    few = inked(page).mean()
    page.locator(".stage").press("+")
    page.locator(".stage").press("+")
    page.locator(".stage").press("0")
    assert inked(page).mean() == few > 0
    page.set_viewport_size({"width": 1280, "height": 900})
    expect(page.locator(".legend")).to_be_visible()
    page.wait_for_function("document.querySelectorAll('.lines')[1].width > 700")
    rows = inked(page).any(1)
    assert np.diff(rows.astype(int)).clip(0).sum() >= 2  # at several heights


def test_by_keyboard_alone(look):
    page = look()
    stage = page.locator(".stage")
    stage.focus()
    assert "Arrow keys" in page.locator(f"#{stage.get_attribute('aria-describedby')}").text_content()
    for name in ("table", "cup", "spoon", "table"):
        stage.press("ArrowRight")
        expect(page.locator(".card b")).to_have_text(name)
    expect(page.locator(".said")).to_have_text("table, 46 % of the photo · presence 0.94")
    stage.press("ArrowLeft")
    stage.press("Enter")
    assert drawn(page) == {"spoon"}
    stage.press("Escape")
    assert drawn(page) == {"cup", "spoon", "table"}
    expect(page.locator(".card")).to_be_hidden()
    order = []
    for _ in range(9):
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.textContent || document.activeElement.type"))
    assert order[:6] == ["+", "range", "Outlines", "Names", "Photo | masks", "Compare with DenseCLIP"]
    assert order[6:] == ["Copy link", "checkbox", "table"]
    assert page.asked == []


def test_the_divider_is_moved_by_mouse_and_keys(look):
    page = look()
    page.click("[data-tool=split]")
    divider, side = page.locator("#viewer .divider"), page.locator(".side").last
    expect(divider).to_have_attribute("aria-valuenow", "50")
    expect(page.locator(".corner").first).to_have_text("Photo")
    assert side.evaluate("side => side.style.clipPath") == "inset(0px 0px 0px 50%)"
    point(page, 0.28, 0.75)  # on the photo's side there is nothing to point at
    expect(page.locator(".card")).to_be_hidden()
    divider.press("ArrowRight")
    expect(divider).to_have_attribute("aria-valuenow", "55")
    box = page.locator(".stage").bounding_box()
    point(page, 0.55, 0.3)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.1 * box["width"], box["y"] + 0.3 * box["height"], steps=3)
    page.mouse.up()
    expect(divider).to_have_attribute("aria-valuenow", "10")
    point(page, 0.28, 0.75)
    expect(page.locator(".card b")).to_have_text("spoon")
    page.click("[data-tool=split]")
    expect(divider).to_be_hidden()
    assert page.asked == []


def test_denseclip_is_asked_for_once(look):
    page = look()
    page.click("[data-tool=written]")
    page.click("[data-tool=compare]")
    expect(page.locator("[data-tool=compare]")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#viewer")).to_have_attribute("data-state", "done")
    expect(page.locator(".corner")).to_have_text(["ReCo", "DenseCLIP"])
    assert page.asked
    assert page.locator("[data-tool=written]").get_attribute("aria-pressed") == "false"  # choices stay
    asked = len(page.asked)
    point(page, 0.7, 0.5)
    expect(page.locator(".card span")).to_have_text("36 % of the photo for DenseCLIP")
    point(page, 0.45, 0.5)
    expect(page.locator(".card span")).to_contain_text("presence 0.98")
    for pressed in ("false", "true"):
        page.click("[data-tool=compare]")
        expect(page.locator("[data-tool=compare]")).to_have_attribute("aria-pressed", pressed)
    assert len(page.asked) == asked


def test_how_it_decided_is_shown_over_the_photo(look):
    page = look()
    page.get_by_label("Why? How it decided about cup").click()
    chips = page.locator(".decided .chip")
    expect(chips).to_have_text(["Similarity", "Language", "Together"])
    expect(page.locator(".decided")).to_contain_text("Why cup?")
    expect(page.locator(".heat")).to_be_visible()
    expect(page.locator(".side").last).to_be_hidden()
    hottest = "canvas => [...canvas.getContext('2d').getImageData(25, 20, 1, 1).data]"
    together = page.locator(".heat").evaluate(hottest)
    chips.first.click()
    assert page.locator(".heat").evaluate(hottest) == [250, 225, 60, 255] != together
    page.locator(".decided").get_by_text("Close").click()
    expect(page.locator(".heat")).to_be_hidden()
    expect(page.locator(".stage")).to_be_focused()
    assert drawn(page) == {"cup", "spoon", "table"}


def test_states(look):
    page = look(result=False)
    expect(page.locator(".invitation")).to_have_text("Choose a photo and type names")
    page.click("#photo-only")
    expect(page.locator(".photo")).to_be_visible()
    expect(page.locator(".tools")).to_be_hidden()
    run(page)
    page.click("#dim")
    expect(page.locator("#viewer")).to_have_attribute("data-state", "running")
    expect(page.locator(".message")).to_have_text("Looking …")
    expect(page.locator(".said")).to_have_text("Looking …")
    expect(page.locator(".stage")).to_have_attribute("aria-busy", "true")
    page.wait_for_function("getComputedStyle(document.querySelector('.picture')).opacity === '0.5'")
    page.click("#back")
    expect(page.locator("#viewer")).to_have_attribute("data-state", "done")
    expect(page.locator(".message")).to_be_hidden()
    run(page)  # the same result once more is a result, too
    page.click("#fail")
    expect(page.get_by_role("alert")).to_have_text("The photo is damaged.")
    expect(page.locator("#viewer")).to_have_attribute("data-state", "error")
    expect(page.locator(".legend [data-name]")).to_have_count(0)
    expect(page.locator(".tools")).to_be_hidden()
    expect(page.locator(".side").last).to_be_hidden()
    run(page)
    expect(page.get_by_role("alert")).to_have_count(0)
    assert drawn(page) == {"cup", "spoon", "table"}


def test_three_photos_are_shown_on_the_spot(look, cup_photos, tmp_path):
    page = look()
    page.get_by_label("Show it three photos of zebra").click()
    zone = page.get_by_label("Photos of zebra", exact=True)
    expect(zone).to_be_focused()
    note = tmp_path / "note.txt"
    note.write_text("no photo")
    zone.set_input_files(note)
    expect(page.get_by_role("alert").filter(has_text="note.txt is not a photo.")).to_be_visible()
    zone.set_input_files(cup_photos[:3])
    expect(page.locator(".message")).to_have_text("Learned zebra from 3 photos.")


def test_the_link_is_copied(look, alone):
    page = look(permissions=["clipboard-read", "clipboard-write"])
    page.get_by_text("Copy link").click()
    expect(page.get_by_text("Link copied", exact=True)).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == alone.rstrip("/") + LINK


def test_by_touch(look):
    page = look(width=390, has_touch=True, is_mobile=True)
    point(page, 0.5, 0.5, "tap")
    expect(page.locator(".card b")).to_have_text("cup")
    assert shade(page, 0.05, 0.5)[3] > 0
    expect(page.locator("[data-name=cup] .name")).to_have_attribute("aria-pressed", "false")
    point(page, 0.5, 0.5, "tap")
    expect(page.locator("[data-name=cup] .name")).to_have_attribute("aria-pressed", "true")
    page.locator("summary").last.tap()
    small = "nodes => nodes.filter(n => n.offsetParent && n.getBoundingClientRect().height < 44).map(n => n.outerHTML)"
    assert page.locator("#viewer :is(button, summary, .tick)").evaluate_all(small) == []
    assert page.asked == []


def test_two_fingers_zoom(look):
    page = look(width=390, has_touch=True)
    box = page.locator(".stage").bounding_box()
    client = page.context.new_cdp_session(page)
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for kind, apart in (("touchStart", 20), ("touchMove", 40), ("touchMove", 60), ("touchEnd", None)):
        fingers = [{"x": middle[0] + sign * apart, "y": middle[1], "id": sign + 1} for sign in (-1, 1)] if apart else []
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})
    assert 2.5 < zoom(page) < 3.5


@pytest.mark.parametrize("width", [1440, 768, 390, 360])
def test_nothing_is_wider_than_the_screen(look, width):
    page = look(width=width)
    page.locator("summary").last.click()
    page.locator(".teach").last.click()
    page.click("[data-tool=split]")
    fits(page, "#viewer")


def test_every_change_is_drawn_at_once(look):
    page = look()
    page.click("#twelve")
    expect(page.locator("[data-name='name 12']")).to_be_visible()
    page.wait_for_function("document.querySelectorAll('.fills')[1].width === 1600")
    asked = len(page.asked)
    script = """() => {
      const stage = document.querySelector('.stage'), box = stage.getBoundingClientRect();
      const slider = document.querySelector('.opacity input'), tick = document.querySelector('.tick input');
      const at = share => ({clientX: box.left + share * box.width, clientY: box.top + 9, pointerType: 'mouse', bubbles: true});
      const acts = {
        hover: i => stage.dispatchEvent(new PointerEvent('pointermove', at(0.1 + 0.11 * i))),
        opacity: i => { slider.value = 10 * i; slider.dispatchEvent(new Event('input', {bubbles: true})); },
        toggle: () => tick.click(),
      };
      return Object.fromEntries(Object.entries(acts).map(([name, act]) => [name, [0, 1, 2, 3, 4, 5, 6].map(i => {
        const start = performance.now();
        act(i);
        return performance.now() - start;
      })]));
    }"""
    taken = page.evaluate(script)
    assert {name: round(min(times)) for name, times in taken.items() if min(times) > LATEST} == {}
    print(taken)
    assert len(page.asked) == asked


def test_the_labels_are_read_exactly(look):
    page, (_, labels) = look(), scene()
    counted = {label: (labels == label).sum() for label in (1, 2, 3)}
    script = """() => {
      const fills = document.querySelectorAll('.fills')[1], counts = {};
      const data = fills.getContext('2d').getImageData(0, 0, fills.width, fills.height).data;
      for (let i = 0; i < data.length; i += 4) if (data[i + 3] === 255) {
        const key = data.slice(i, i + 3).join();
        counts[key] = (counts[key] ?? 0) + 1;
      }
      return counts;
    }"""
    page.mouse.move(0, 0)
    assert page.evaluate(script) == {"85,136,255": counted[1], "221,238,51": counted[2], "187,17,170": counted[3]}
