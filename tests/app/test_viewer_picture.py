"""The viewer's picture in a browser, by mouse, touch and keyboard; nothing of it asks the server."""

import numpy as np
import pytest
from playwright.sync_api import expect
from support.viewer_app import scene
from support.viewer_page import ALL, drawn, inked, point, shade, zoom

pytestmark = pytest.mark.slow

LATEST = 50  # milliseconds in which a change is drawn


def test_pointing_shows_a_card_and_a_click_only_this_one(view):
    page = view()
    expect(page.locator(".card")).to_be_hidden()
    point(page, 0.5, 0.5)
    expect(page.locator(".card b")).to_have_text("cup")
    expect(page.locator(".card span")).to_have_text("36 % of the photo · 98 % sure")
    assert shade(page, 0.05, 0.5)[3] < shade(page, 0.5, 0.5)[3] == 255
    point(page, 0.9, 0.97)  # the shadow is drawn only if it is asked for
    expect(page.locator(".card")).to_be_hidden()
    point(page, 0.5, 0.5, "click")
    assert drawn(page) == {"cup"}
    expect(page.locator("[data-name=cup] .name")).to_have_attribute("aria-pressed", "true")
    point(page, 0.5, 0.5, "click")
    assert drawn(page) == {"cup"} or shade(page, 0.05, 0.5)[3] > 0  # the pointer is still there
    page.mouse.move(0, 0)
    assert drawn(page) == ALL
    page.locator("[data-name=spoon] .name").click()
    page.mouse.move(0, 0)
    assert drawn(page) == {"spoon"}
    point(page, 0.05, 0.5, "click")  # nothing is drawn there now
    page.mouse.move(0, 0)
    assert drawn(page) == ALL
    assert page.asked == []


def test_zoom_and_pan_by_wheel_buttons_and_keys(view):
    page = view()
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


def test_names_are_written_where_they_fit(view):
    page = view(width=360)
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


def test_by_keyboard_alone(view):
    page = view()
    stage = page.locator(".stage")
    stage.focus()
    assert "Arrow keys" in page.locator(f"#{stage.get_attribute('aria-describedby')}").text_content()
    for name in ("table", "cup", "spoon", "table"):
        stage.press("ArrowRight")
        expect(page.locator(".card b")).to_have_text(name)
    expect(page.locator(".said")).to_have_text("table, 46 % of the photo · 94 % sure")
    stage.press("ArrowLeft")
    stage.press("Enter")
    assert drawn(page) == {"spoon"}
    stage.press("Escape")
    assert drawn(page) == ALL
    expect(page.locator(".card")).to_be_hidden()
    order = []
    for _ in range(9):
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.textContent || document.activeElement.type"))
    assert order[:6] == ["+", "range", "Outlines", "Names", "Photo | masks", "ReCo | words alone"]
    assert order[6:] == ["Copy link", "checkbox", "table"]
    assert page.asked == []


def test_the_divider_is_moved_by_mouse_and_keys(view):
    page = view()
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


def test_by_touch(view):
    page = view(width=390, has_touch=True, is_mobile=True)
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


def test_two_fingers_zoom(view):
    page = view(width=390, has_touch=True)
    box = page.locator(".stage").bounding_box()
    client = page.context.new_cdp_session(page)
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for kind, apart in (("touchStart", 20), ("touchMove", 40), ("touchMove", 60), ("touchEnd", None)):
        fingers = [{"x": middle[0] + sign * apart, "y": middle[1], "id": sign + 1} for sign in (-1, 1)] if apart else []
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})
    assert 2.5 < zoom(page) < 3.5


def test_every_change_is_drawn_at_once(view):
    page = view()
    page.click("#twelve")
    expect(page.locator("[data-name='name 12']")).to_be_visible()
    page.wait_for_function("document.querySelectorAll('.fills')[1].width === 1600")
    asked = len(page.asked)
    script = """() => {
      const stage = document.querySelector('.stage'), box = stage.getBoundingClientRect();
      const slider = document.querySelector('.opacity input'), tick = document.querySelector('.tick input');
      const mouse = {clientY: box.top + 9, pointerType: 'mouse', bubbles: true};
      const at = share => ({...mouse, clientX: box.left + share * box.width});
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
    assert len(page.asked) == asked


def test_the_labels_are_read_exactly(view):
    page, (_, labels) = view(), scene()
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
