"""The field of names in a real browser, on a page of its own beside the bundled archive."""

import re
import sys
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from support.names_app import ODD, REFUSED
from support.page import EVIL, PATIENCE
from support.server import serving

from reco_app.templates import text
from reco_core.utils.names import join_names, parse_names

pytestmark = pytest.mark.slow

Open = Callable[..., Page]
MISSPELT = "not known. Did you mean"


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Iterator[str]:
    with serving([sys.executable, "tests/support/names_app.py"], tmp_path_factory.mktemp("names")) as url:
        yield url


@pytest.fixture
def opened(browser: Browser, place: str) -> Iterator[Open]:
    """Opens the page; what a script on it throws is an error of the test."""
    contexts, thrown = [], []

    def visit(query: str = "", **options) -> Page:
        contexts.append(context := browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options}))
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.on("pageerror", lambda error: thrown.append(error))  # noqa: PLW0108  # Playwright marks what it is given
        page.goto(place + query)
        expect(field(page)).to_be_visible(timeout=PATIENCE)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert thrown == []


@pytest.fixture
def page(opened: Open) -> Page:
    """With the names "cat" and "wall"."""
    return opened()


def field(page: Page) -> Locator:
    return page.get_by_role("combobox", name="Names")


def clear(page: Page) -> Locator:
    page.get_by_role("button", name="Clear all").click()
    return field(page)


def has(page: Page, *names: str) -> None:
    """Chips."""
    expect(page.locator("#names .names-chip")).to_have_text(list(names), timeout=PATIENCE)


def value(page: Page, expected: str) -> None:
    expect(page.locator("#value textarea, #value input")).to_have_value(expected, timeout=PATIENCE)


def runs(page: Page, times: int, *names: str) -> None:
    expect(page.locator("#runs input")).to_have_value(str(times), timeout=PATIENCE)
    for name in names:
        expect(page.locator("#read")).to_contain_text(name, timeout=PATIENCE)


def paste(page: Page, given: str) -> None:
    field(page).evaluate(
        """(input, given) => {
             const data = new DataTransfer();
             data.setData('text/plain', given);
             const event = new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true});
             input.focus();
             if (input.dispatchEvent(event)) document.execCommand('insertText', false, given);
           }""",
        given,
    )


def remark(page: Page, of: str) -> Locator:
    return page.locator("#names .names-remark").filter(has_text=f"{of}:")


def test_enter_makes_a_chip_and_runs_a_comma_or_tab_only_makes_it(page):
    has(page, "cat", "wall")
    names = field(page)
    names.press_sequentially("dog,")
    has(page, "cat", "wall", "dog")
    expect(names).to_have_value("")
    names.press_sequentially("fire engine")
    names.press("Tab")
    has(page, "cat", "wall", "dog", "fire engine")
    expect(names).to_be_focused()
    value(page, "cat, wall, dog, fire engine")
    runs(page, 0)
    names.fill("horse")
    names.press("Enter")
    runs(page, 1, "horse", "fire engine")
    names.press("Enter")  # on an empty line
    runs(page, 2)
    names.press_sequentially("Cat,")  # is there already
    has(page, "cat", "wall", "dog", "fire engine", "horse")
    names.press("Tab")  # and an empty line lets one go on
    expect(names).not_to_be_focused()


def test_filled_text_with_commas_is_several_names_and_a_button_runs_what_is_only_typed(page):
    clear(page).fill("horse, fence ; hot dog")
    has(page, "horse", "fence")
    value(page, "horse, fence, hot dog")
    field(page).press("Escape")  # suggestions may lie over the button here
    page.get_by_role("button", name="Run").click()
    runs(page, 1, "hot dog")
    has(page, "horse", "fence", "hot dog")


def test_suggestions_are_a_combobox(page):
    names, choices = field(page), page.get_by_role("option")
    expect(names).to_have_attribute("aria-expanded", "false")
    names.press_sequentially("motorcy")
    expect(names).to_have_attribute("aria-expanded", "true", timeout=PATIENCE)
    assert 0 < choices.count() <= 8
    names.press("ArrowDown")
    marked = page.locator(f"[id='{names.get_attribute('aria-activedescendant')}']")
    expect(marked).to_have_attribute("aria-selected", "true")
    chosen = marked.inner_text()
    names.press("Enter")  # takes it, and does not run
    has(page, "cat", "wall", chosen)
    expect(choices).to_have_count(0)
    names.press_sequentially("ca")
    expect(choices.first).to_be_visible(timeout=PATIENCE)
    assert "cat" not in choices.all_inner_texts()  # it is chosen
    names.press("Escape")
    expect(choices).to_have_count(0)
    expect(names).to_have_value("ca")
    names.fill("elephnat")  # a slip
    choices.filter(has_text=re.compile("^elephant$")).click()
    has(page, "cat", "wall", chosen, "elephant")
    expect(names).to_be_focused()
    runs(page, 0)


def test_chips_are_removed_changed_in_their_place_and_reached_by_keys(page):
    names = field(page)
    names.press_sequentially("dog, horse,")
    names.press("Backspace")
    has(page, "cat", "wall", "dog")
    page.get_by_role("button", name="Remove cat").click()
    has(page, "wall", "dog")
    page.get_by_role("button", name=re.compile("^wall, 1 of 2")).click()
    expect(names).to_have_value("wall")
    names.fill("brick")
    value(page, "brick, dog")  # still the first
    names.press("Escape")  # closes suggestions, if there are some
    names.press("Escape")
    has(page, "wall", "dog")
    page.get_by_role("button", name=re.compile("^wall, ")).click()
    names.fill("tree")
    names.press("Tab")
    has(page, "tree", "dog")
    names.press("ArrowLeft")
    expect(page.get_by_role("button", name=re.compile("^dog, "))).to_be_focused()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Delete")
    has(page, "dog")
    expect(page.get_by_role("button", name=re.compile("^dog, "))).to_be_focused()
    page.keyboard.press("Enter")
    expect(names).to_have_value("dog")
    clear(page)
    has(page)
    value(page, "")


def test_pasted_lists_are_split_and_quotes_keep_commas(page):
    clear(page)
    paste(page, '1. cat\n2. fire engine\r\n- "bow, tie"; St. Bernard')
    has(page, "cat", "fire engine", "bow, tie", "St. Bernard")
    value(page, 'cat, fire engine, "bow, tie", St. Bernard')
    paste(page, "hor")  # may go on
    field(page).press_sequentially('se, "left, right", ')
    has(page, "cat", "fire engine", "bow, tie", "St. Bernard", "horse", "left, right")
    page.get_by_role("button", name=re.compile("^bow, tie, ")).click()
    expect(field(page)).to_have_value('"bow, tie"')


def test_too_many_and_too_long_names_are_said_and_nothing_is_lost(page):
    clear(page)
    paste(page, "\n".join(f"cat {i}" for i in range(500)))
    problem = page.locator("#names [role=alert]")
    expect(problem).to_have_text("These are 500 names; at most 50 at a time. Remove 450, or clear all.")
    expect(page.locator("#names .names-chip")).to_have_count(500)
    assert page.locator("#names").bounding_box()["height"] < 500
    field(page).press("Enter")
    expect(problem).to_be_visible()
    clear(page)
    expect(problem).to_be_hidden()
    paste(page, "x" * 10_000)
    expect(field(page)).to_have_value("x" * 10_000)
    field(page).press("Enter")
    expect(remark(page, "x…")).to_contain_text("is 10,000 characters long; a name has at most 80.")
    page.get_by_role("button", name=re.compile("^x+…, 1 of 1")).click()
    expect(field(page)).to_have_value("x" * 10_000)
    runs(page, 0)
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_what_is_misspelt_is_mended_with_one_click_or_kept(page):
    names = clear(page)
    names.fill("motorcylce, elephnat, cat")
    names.press("Enter")
    expect(remark(page, "motorcylce")).to_contain_text(MISSPELT, timeout=PATIENCE)
    expect(names).to_have_attribute("aria-invalid", "true")
    remark(page, "motorcylce").get_by_role("button", name="motorcycle").click()
    has(page, "motorcycle", "elephnat", "cat")
    remark(page, "elephnat").get_by_role("button", name="Keep elephnat").click()
    expect(page.locator("#names .names-remark")).to_have_count(0)
    value(page, 'motorcycle, "elephnat", cat')
    expect(names).to_have_attribute("aria-invalid", "false")
    before = int(page.locator("#runs input").input_value())  # a slow server's remarks are not waited for: 0 or 1
    names.press("Enter")
    runs(page, before + 1, "elephnat")


def test_why_names_are_refused_comes_into_sight_and_many_reasons_are_folded(page):
    names = clear(page)
    names.fill("motorcylce, elephnat, bycicle, girafe, umbrela, bananna, tigerr")
    page.set_viewport_size({"width": 1280, "height": 260})
    names.press("Enter")
    first, last = remark(page, "motorcylce"), remark(page, "tigerr")
    expect(first).to_contain_text(MISSPELT, timeout=PATIENCE)
    expect(page.locator("#names .names-remarks")).to_be_in_viewport()
    expect(last).to_be_hidden()
    page.get_by_text("And 2 more").click()
    expect(last).to_be_visible()
    first.get_by_role("button", name="motorcycle").click()
    expect(last).to_be_visible()  # it stays open


def test_what_is_not_understood_or_not_known_is_said_until_it_is_taught(page):
    clear(page).press_sequentially("red car, zorbl, no dog,")
    expect(remark(page, "red car")).to_contain_text("colours are not understood", timeout=PATIENCE)
    expect(remark(page, "zorbl")).to_contain_text("does not know")
    expect(remark(page, "no dog")).to_contain_text("what is not meant")
    states = page.locator("#names .names-chip").evaluate_all("chips => chips.map(chip => chip.dataset.state)")
    assert states == ["remarked", "remarked", "refused"]
    page.get_by_role("button", name="Teach").click()
    expect(page.locator("#names .names-remark")).to_have_count(1, timeout=PATIENCE)
    field(page).press_sequentially("zor")
    page.get_by_role("button", name="Clear all").click()
    field(page).press_sequentially("zor")
    expect(page.get_by_role("option")).to_have_text(["zorbl"], timeout=PATIENCE)


def test_python_sets_names_and_says_why_they_are_refused(page):
    field(page).fill("horse")
    page.get_by_role("button", name="Example", exact=True).click()
    has(page, "bow, tie", "St. Bernard", "cat")
    expect(field(page)).to_have_value("")
    value(page, ODD)
    page.locator("#examples").get_by_text("horse, fence").click()
    has(page, "horse", "fence")
    problem = page.locator("#names [role=alert]")
    for times in (1, 2):  # the same words again are said again
        field(page).fill(REFUSED)
        field(page).press("Enter")
        expect(problem).to_have_text("Say it otherwise.", timeout=PATIENCE)
        runs(page, times)
        field(page).press("Backspace")
        expect(problem).to_be_hidden()


def test_names_are_put_in_as_text(page):
    clear(page).press_sequentially(f"{EVIL},")
    has(page, EVIL)
    expect(remark(page, EVIL)).to_be_visible(timeout=PATIENCE)
    assert page.locator("#names img").count() == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_on_a_phone_targets_are_large_and_nothing_is_wider(opened, theme):
    page = opened(f"?__theme={theme}", viewport={"width": 360, "height": 640}, has_touch=True, is_mobile=True)
    names = field(page)
    names.press_sequentially(f"motorcylce, {'very ' * 12}long name, dog, ca")
    expect(page.get_by_role("option").first).to_be_visible(timeout=PATIENCE)
    expect(remark(page, "motorcylce")).to_be_attached(timeout=PATIENCE)
    small = """parts => [...document.querySelectorAll(parts)].map(e => e.getBoundingClientRect())
                 .filter(box => box.height && (box.height < 44 || box.width < 44)).length"""
    assert page.evaluate(small, "#names :is(button, input, [role=option])") == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_role("option").first.tap()
    has(page, "cat", "wall", "motorcylce", f"{'very ' * 12}long name", "dog", "car")


TEXTS = (
    "cat, fire  engine;Wall\n| dog、bird",
    "cat . dog. cat.dog, St. Bernard, U.S. flag, 0.5 l, Mr. Bean",
    "- cat\n* dog\n3) horse",
    '"bow, tie", “a; b”, „c, d“, «e, f», \'g, h\', "open, dog',
    "it's, rock 'n' roll, 5\" pipe, \"quoted\" word",
    "Ｃａｔ，Cafe\u0301, قطة، 猫。 🐈 cat",
    " ,, ; ",
)


def test_the_page_splits_names_as_the_server_does(page):
    script = text("components/names_input/name_list.js")
    written = page.evaluate(
        f"texts => {{ {script}; return texts.map(text => writeNames(readNames(text).names)); }}", list(TEXTS)
    )
    for given, names in zip(TEXTS[:-1], written, strict=False):
        assert parse_names(names) == parse_names(given), given
    assert written[-1] == ""
    joined = [join_names(parse_names(given)) for given in TEXTS[:-1]]
    again = page.evaluate(f"texts => {{ {script}; return texts.map(text => readNames(text).names); }}", joined)
    for given, names in zip(joined, again, strict=True):
        assert tuple(name["name"] for name in names) == parse_names(given)
