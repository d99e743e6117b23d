"""The tab Find in a real browser, with the real models and no network."""

import json
import re

import numpy as np
import pytest
import skimage.data
from PIL import Image
from playwright.sync_api import Page, expect
from support.page import (
    CANCELS_AT_ONCE,
    PATIENCE,
    answers,
    ask,
    choose,
    downloads,
    example,
    fits,
    found,
    state,
    tab,
    type_names,
)
from support.photos import huge_png

from reco_app.app import TITLE


def rows_of(page: Page, answer: str) -> list[str]:
    return [name for name, said in answers(page).items() if said == answer]


def test_a_first_visit_shows_a_finished_example(visit):
    page = visit()
    expect(page).to_have_title(TITLE)
    said = found(page, "motorcycle", "floor", "dog")
    assert said == {"motorcycle": "found", "floor": "found", "dog": "absent"}
    expect(page.locator("#photo")).to_be_hidden()  # the photo is not there twice
    assert all(re.match(r"(http://127\.0\.0\.1:|data:|blob:)", url) for url in page.asked)
    width, height = page.viewport_size.values()
    box = page.locator("#viewer .stage").bounding_box()
    assert box["y"] + box["height"] < height
    assert box["x"] + box["width"] < width
    zoom = page.locator("#viewer .zoom").bounding_box()
    assert box["x"] < zoom["x"] and zoom["x"] + zoom["width"] < box["x"] + box["width"]
    take, more = (page.locator(f"#{name}").bounding_box()["y"] for name in ("downloads", "examples"))
    assert take < more
    before = page.locator("#title").bounding_box()
    for name in ("Teach", "About", "Find"):
        tab(page, name)
        assert page.locator("#title").bounding_box() == before  # nothing jumps


def test_photo_to_masks_evidence_and_files(visit, chelsea, tmp_path):
    page = visit()
    found(page, "motorcycle", "floor", "dog")
    choose(page, chelsea)
    state(page, "empty")
    expect(page.locator("#viewer .legend")).to_be_hidden()
    ask(page, "cat, wall")
    assert found(page, "cat", "wall")["cat"] == "found"
    expect(page.locator("#viewer .picture")).to_have_attribute("aria-label", re.compile(r"^cat \d+ %"))
    names = page.locator("#evidence details .reco-name").all_inner_texts()
    assert names == ["cat", "wall"]
    page.locator("#evidence summary").first.click()
    expect(page.locator("#evidence details").first).to_contain_text(re.compile("Leave this out|licence to be shown"))
    (tmp_path / "notes.jpg").write_text("no photo")
    choose(page, tmp_path / "notes.jpg")  # takes nothing away
    state(page, "error")
    saved = downloads(page, "#downloads a:not([data-kind=page])")
    kinds = ("share.jpg", "overlay.png", "cutouts.zip", "labels.png", "coco.json")
    assert set(saved) == {f"chelsea-{kind}" for kind in kinds}
    labels = saved["chelsea-labels.png"]
    assert Image.open(labels).size == (451, 300)
    assert set(np.unique(np.asarray(Image.open(labels)))) <= {0, 1, 2}


def test_other_names_dim_the_old_result_and_the_same_again_do_not(visit):
    page = visit()
    found(page, "motorcycle", "floor", "dog")
    find = page.locator("#find")
    type_names(page, "rocket").press("Tab")
    expect(find).to_have_class(re.compile("stale"))
    assert float(page.locator("#evidence").evaluate("e => getComputedStyle(e.closest('#evidence')).opacity")) < 1
    type_names(page, "motorcycle, floor, dog").press("Tab")
    expect(find).not_to_have_class(re.compile("stale"))
    ask(page, "motorcycle, floor", enter=True)
    found(page, "motorcycle", "floor")
    expect(find).not_to_have_class(re.compile("stale"))


@pytest.mark.slow
def test_errors_stand_where_they_belong_and_go_with_the_next_run(visit, chelsea, tmp_path):
    page = visit()
    found(page, "motorcycle", "floor", "dog")
    ask(page, "motorcylce, rocket")
    state(page, "error")
    expect(page.locator("#names")).to_contain_text("Did you mean", timeout=PATIENCE)
    expect(page.locator("#viewer [data-name]")).to_have_count(3)  # a slip takes nothing away
    example(page, "rocket")
    found(page, "rocket", "sky", "person")
    type_names(page, "motorcylce").press("Enter")  # says what is wrong; then it is as with the button
    expect(page.locator("#names .names-remark")).to_contain_text("Did you mean", timeout=PATIENCE)
    state(page, "done")
    page.keyboard.press("Enter")
    state(page, "error")
    expect(page.locator("#viewer .message")).to_contain_text("look at the names")
    fake, cut = tmp_path / "notes.jpg", tmp_path / "cut.jpg"
    fake.write_text("These are not pixels. " * 50)
    Image.fromarray(skimage.data.chelsea()).save(cut)
    cut.write_bytes(cut.read_bytes()[:9000])
    files = ((fake, "notes.jpg is not an image"), (huge_png(tmp_path / "huge.png"), "too large"), (cut, "cut short"))
    for file, about in files:  # when they are dropped, before anything is looked for
        choose(page, file)
        state(page, "error")
        expect(page.locator("#viewer .message")).to_contain_text(about)
        expect(page.locator("#viewer [data-name]")).to_have_count(3)  # and what was there stays
    choose(page, chelsea)
    ask(page, "cat")
    found(page, "cat")
    expect(page.locator("#viewer .message")).to_be_hidden()
    assert "Traceback" not in page.content()


@pytest.mark.slow
def test_a_link_fills_the_page_and_runs(visit, address):
    page = visit(address=f"{address}?names=cup,table&example=coffee&method=reco&k=5&found_from=0.4")
    found(page, "cup", "table")
    link = page.locator("#viewer").get_by_role("button", name="Copy link")
    link.click()
    expect(page.locator("#viewer")).to_contain_text("Link copied")
    page.get_by_role("button", name="Options").click()
    expect(page.locator("#found-from input[type=number]")).to_have_value("0.4")
    expect(page.locator("#k input[type=number]")).to_have_value("5")
    own = visit(address=f"{address}?names=zebra%2C+%22a%2C+b%22")
    expect(own.locator("#viewer")).to_contain_text("Add your photo", timeout=PATIENCE)
    expect(own.locator("#names")).to_contain_text("zebra")
    expect(own.locator("#names")).to_contain_text("a, b")
    expect(own.locator("#viewer .invitation p")).to_be_visible()
    with own.expect_file_chooser():
        own.get_by_role("button", name="Choose a photo").click()
    empty, result = (one.locator("#viewer .frame").bounding_box() for one in (own, page))
    assert empty["width"] == result["width"]


@pytest.mark.slow
def test_a_link_shows_its_example_at_once_and_can_be_cancelled(visit, address):
    names = ",".join(f"%22thing {i}%22" for i in range(40))
    page = visit(address=f"{address}?names={names}&example=coffee&method=reco_no_text", script=CANCELS_AT_ONCE)
    page.wait_for_function("window.cancelled !== null")
    state(page, "empty")
    assert page.evaluate("window.cancelled") in ("Getting ready …", "Looking …")
    expect(page.locator("#names")).to_contain_text("thing 39")
    ask(page, "cup")
    found(page, "cup")


@pytest.mark.slow
def test_what_gradio_refuses_leaves_the_page_as_it_was(visit):
    page = visit()
    found(page, "motorcycle", "floor", "dog")
    odd = re.compile(r'"reco2?(_crf)?"')  # a method that is not among the choices
    page.route("**/queue/join*", lambda route: route.continue_(post_data=odd.sub('"magic"', route.request.post_data)))
    with page.expect_response("**/queue/join*"):
        ask(page, "motorcycle, floor")
    expect(page.locator("#find")).not_to_have_class(re.compile("busy"), timeout=PATIENCE)
    state(page, "done")
    found(page, "motorcycle", "floor", "dog")
    page.unroute("**/queue/join*")
    ask(page, "motorcycle, floor")
    found(page, "motorcycle", "floor")


def test_a_page_that_is_refused_says_so_once(visit):
    why = "This address has opened too many pages. Please try again in 60 minutes."
    page = visit(
        script=f"""
        const asked = window.fetch, refused = {json.dumps(json.dumps({"detail": why}))};
        window.fetch = (...given) => String(given[0]?.url ?? given[0]).includes('queue/join')
            ? Promise.resolve(new Response(refused, {{status: 429}})) : asked(...given);"""
    )
    for _ in range(2):
        state(page, "error")
        expect(page.locator("#viewer .message")).to_have_text(why)
        expect(page.locator("#stop")).to_be_hidden()
        expect(page.get_by_test_id("toast-text").filter(visible=True)).to_have_count(1)
        page.locator("#segment").click()


@pytest.mark.slow
def test_history_several_photos_and_cancel(visit, chelsea, table):
    page = visit()
    found(page, "motorcycle", "floor", "dog")
    example(page, "coffee")
    found(page, "cup", "table", "spoon")
    strip = page.locator("#history [data-pick]")
    expect(strip).to_have_count(2)
    strip.last.click()
    found(page, "motorcycle", "floor", "dog")
    expect(page.locator("#names")).to_contain_text("motorcycle")
    expect(page.locator("#history [aria-current=true]")).to_contain_text("motorcycle")

    page.get_by_role("button", name="Several photos at once").click()
    type_names(page, "cat, cup").press("Enter")
    found(page, "cat", "cup")
    choose(page, chelsea, table, area="several")
    grid = page.locator("#several-grid")
    expect(grid.locator("figure")).to_have_count(2, timeout=PATIENCE)
    expect(grid.locator("figure").first).to_contain_text("cat")
    expect(grid.locator("a")).to_have_count(1, timeout=PATIENCE)
    saved = downloads(page, "#several-grid a")
    assert [*saved] == ["results.zip"]
    expect(page.locator("#several-stop")).to_have_count(0)


@pytest.mark.slow
def test_several_photos_can_be_stopped(visit, chelsea, table):
    page = visit()
    found(page, "motorcycle", "floor", "dog")
    page.get_by_role("button", name="Several photos at once").click()
    choose(page, *([chelsea, table] * 12), area="several")
    page.locator("#several-grid figure").first.wait_for(timeout=PATIENCE)
    page.locator("#several-stop").click()
    expect(page.locator("#several-grid")).to_contain_text("It was stopped before the last", timeout=PATIENCE)
    expect(page.locator("#several-grid a")).to_have_count(1)
    expect(page.locator("#several-stop")).to_have_count(0)


def test_a_run_can_be_cancelled(visit):
    page = visit()
    found(page, "motorcycle", "floor", "dog")
    for attempt in range(3):  # a quick server may be done before a slow browser has clicked
        before = answers(page)
        page.evaluate(CANCELS_AT_ONCE)
        ask(page, ", ".join(f'"thing {attempt} {i}"' for i in range(40)))
        page.wait_for_function("window.cancelled !== null")
        state(page, "done")
        if cancelled := answers(page) == before:
            break
    assert before and cancelled
    expect(page.locator("#segment")).to_be_visible()


def test_three_photos_teach_a_name_on_the_spot(visit, cup_photos, table):
    page = visit()
    found(page, "motorcycle", "floor", "dog")
    choose(page, table)
    state(page, "empty")
    ask(page, '"zorbl"')
    found(page, "zorbl")
    row = page.locator('#viewer [data-name="zorbl"]')
    assert row.get_attribute("data-answer") != "found"
    fold = page.locator("#viewer details:not([open]) summary")
    if fold.count():
        fold.first.click()
    row.get_by_role("button", name="Show it three photos").click()
    row.locator("input[type=file]").set_input_files(cup_photos[:3])
    expect(page.locator('#viewer [data-name="zorbl"][data-answer="found"]')).to_have_count(1, timeout=PATIENCE)
    expect(page.locator("#taught")).to_contain_text("zorbl (3 photos)")
    page.locator("#evidence summary").first.click()
    photos = page.locator("#evidence [data-drop]")
    expect(photos).to_have_count(3)
    photos.first.click()  # without it, and with it again
    expect(photos).to_have_count(2, timeout=PATIENCE)
    page.locator("#evidence [data-undo]").click()
    expect(photos).to_have_count(3, timeout=PATIENCE)
    page.get_by_role("tab", name="Teach").click()
    expect(page.locator("#own .reco-tile")).to_have_count(3, timeout=PATIENCE)


def test_on_a_phone_the_result_comes_first_and_the_page_is_short(visit):
    page = visit(width=390, height=844, touch=True)
    found(page, "motorcycle", "floor", "dog")
    page.evaluate("scrollTo(0, 9999)")
    ask(page, "motorcycle, floor, dog, lightning")
    found(page, "motorcycle", "floor", "dog", "lightning")
    expect(page.locator("#viewer .stage")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollHeight") <= 2500
    fits(page)


@pytest.mark.slow
def test_on_a_phone_what_is_picked_from_the_visit_is_seen(visit):
    page = visit(width=390, height=700, touch=True)
    found(page, "motorcycle", "floor", "dog")
    example(page, "coffee")
    found(page, "cup", "table", "spoon")
    pick = page.locator("#history [data-pick]").last
    pick.scroll_into_view_if_needed()
    expect(page.locator("#viewer .stage")).not_to_be_in_viewport()
    pick.click()
    expect(page.locator("#viewer .stage")).to_be_in_viewport(ratio=0.9)
    found(page, "motorcycle", "floor", "dog")


@pytest.mark.slow
def test_two_users_at_once(visit):
    one, two = visit(), visit()
    example(one, "motorcycle")
    example(two, "coffee")
    found(one, "motorcycle", "floor", "dog")
    found(two, "cup", "table", "spoon")
    expect(one.locator("#viewer .photo")).to_have_attribute("src", re.compile("^data:image/"))
    assert one.locator("#viewer .photo").get_attribute("src") != two.locator("#viewer .photo").get_attribute("src")


@pytest.mark.slow
def test_compare_and_decided(visit):
    page = visit()
    found(page, "motorcycle", "floor", "dog")
    page.get_by_role("button", name="ReCo | words alone").click()
    expect(page.locator("#viewer .corner.right")).to_have_text("Words alone", timeout=PATIENCE)
    page.locator('#viewer [data-name="motorcycle"]').get_by_role("button", name=re.compile("decided|Why")).click()
    expect(page.locator("#viewer .decided .chip")).to_have_count(3, timeout=PATIENCE)
    saved = downloads(page, "#downloads a[data-kind=coco]")
    assert [*saved] == ["motorcycle-coco.json"]
    told = json.loads(saved["motorcycle-coco.json"].read_text())
    assert [category["name"] for category in told["categories"]] == ["motorcycle", "floor", "dog"]
