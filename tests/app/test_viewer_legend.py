"""The viewer in a browser: its legend, its tools, its states."""

import pytest
from playwright.sync_api import expect
from support.page import fits
from support.viewer_app import EVIL, LINK
from support.viewer_page import ALL, drawn, inked, point, run, shade

pytestmark = pytest.mark.slow


def test_a_result_says_what_was_found(view):
    page = view()
    expect(page.locator(".picture")).to_have_attribute("aria-label", "table 46 %, cup 36 %, spoon 4 %")
    expect(page.locator(".said")).to_have_text("Found table 46 %, cup 36 %, spoon 4 %; 2 maybe there; 41 not found.")
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
    assert drawn(page) == ALL
    assert inked(page).any()
    assert not page.locator("img[src=x]").count()


def test_toggles_opacity_outlines_names(view):
    page = view()
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


def test_denseclip_is_asked_for_once(view):
    page = view()
    page.click("[data-tool=written]")
    page.click("[data-tool=compare]")
    expect(page.locator("[data-tool=compare]")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#viewer")).to_have_attribute("data-state", "done")
    expect(page.locator(".corner")).to_have_text(["ReCo", "Words alone"])
    assert page.asked
    assert page.locator("[data-tool=written]").get_attribute("aria-pressed") == "false"  # choices stay
    asked = len(page.asked)
    point(page, 0.7, 0.5)
    expect(page.locator(".card span")).to_have_text("36 % of the photo (words alone)")
    point(page, 0.45, 0.5)
    expect(page.locator(".card span")).to_contain_text("98 % sure")
    for pressed in ("false", "true"):
        page.click("[data-tool=compare]")
        expect(page.locator("[data-tool=compare]")).to_have_attribute("aria-pressed", pressed)
    assert len(page.asked) == asked


def test_how_it_decided_is_shown_over_the_photo(view):
    page = view()
    page.get_by_label("Why? How it decided about cup").click()
    chips = page.locator(".decided .chip")
    expect(chips).to_have_text(["Similarity", "Language", "Together"])
    expect(page.locator(".decided")).to_contain_text("Why cup?")
    expect(page.locator(".heat")).to_be_visible()
    expect(page.locator(".side").last).to_be_hidden()
    hottest = "canvas => [...canvas.getContext('2d').getImageData(25, 20, 1, 1).data]"
    together = page.locator(".heat").evaluate(hottest)
    expect(page.locator(".decided .scale")).to_contain_text("the more speaks for")
    chips.first.click()
    assert page.locator(".heat").evaluate(hottest) == [250, 225, 60, 255] != together
    page.locator(".decided").get_by_text("Close").click()
    expect(page.locator(".heat")).to_be_hidden()
    expect(page.locator(".stage")).to_be_focused()
    assert drawn(page) == ALL


def test_states(view):
    page = view(result=False)
    expect(page.locator(".invitation p")).to_have_text("Choose a photo and type names")
    expect(page.locator("[data-choose]")).to_be_hidden()  # a stage, which takes photos, shows it
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
    assert drawn(page) == ALL


def test_three_photos_are_shown_on_the_spot(view, cup_photos, tmp_path):
    page = view()
    page.get_by_label("Show it three photos of zebra").click()
    zone = page.get_by_label("Photos of zebra", exact=True)
    expect(zone).to_be_focused()
    note = tmp_path / "note.txt"
    note.write_text("no photo")
    zone.set_input_files(note)
    expect(page.get_by_role("alert").filter(has_text="note.txt is not a photo.")).to_be_visible()
    zone.set_input_files(cup_photos[:3])
    expect(page.locator(".message")).to_have_text("Learned zebra from 3 photos.")


def test_the_link_is_copied(view, viewer_address):
    page = view(permissions=["clipboard-read", "clipboard-write"])
    page.get_by_text("Copy link").click()
    expect(page.get_by_role("button", name="Copied", exact=True)).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == viewer_address.rstrip("/") + LINK


@pytest.mark.parametrize("width", [1440, 768, 390, 360])
def test_nothing_is_wider_than_the_screen(view, width):
    page = view(width=width)
    page.locator("summary").last.click()
    page.locator(".teach").last.click()
    page.click("[data-tool=split]")
    fits(page, "#viewer")
