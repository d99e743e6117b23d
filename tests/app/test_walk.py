"""A walk through every tab at three widths, light and dark: nothing sideways, nothing that keeps people out."""

import importlib.resources
import itertools

import pytest
from playwright.sync_api import Page, expect
from support.page import FIND, fits, found, tab

AXE = importlib.resources.files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
SERIOUS = """async () => (await axe.run(document, {resultTypes: ['violations']})).violations
  .filter(({impact}) => impact === 'serious' || impact === 'critical')
  .map(({id, nodes}) => `${id}: ${nodes.slice(0, 4).map(node => node.target.join(' ')).join(' | ')}`)"""
SMALL = """() => [...document.querySelectorAll('main :is(button, summary, a.reco-chip, [role=tab])')]
  .filter(part => part.checkVisibility() && !part.closest('.visually-hidden, [inert]'))
  .map(part => [part.textContent.trim().slice(0, 30), Math.round(part.getBoundingClientRect().height)])
  .filter(([, height]) => height && height < 43.5)"""
ACTIVE = """() => {
  const part = document.activeElement;
  return [part.closest('#names, #examples, #segment, #viewer, #downloads, #evidence')?.id ?? '', part.tagName,
    getComputedStyle(part).outlineStyle];
}"""
LEVELS = """() => [...document.querySelectorAll('main :is(h1, h2, h3, h4)')].filter(part => part.checkVisibility())
  .map(part => Number(part.tagName[1]))"""


def in_order(levels: list[int]) -> bool:
    """Whether headings begin with the first level and never skip one."""
    return levels[:1] == [1] and all(b <= a + 1 for a, b in itertools.pairwise(levels))


def opened_up(page: Page) -> None:
    """Every fold of the tab open."""
    for fold in page.locator("main .reco-fold > button").all():
        if fold.is_visible():
            fold.click()


@pytest.mark.parametrize(
    ("width", "dark"),
    [
        (1440, False),
        pytest.param(390, True, marks=pytest.mark.slow),
        pytest.param(768, False, marks=pytest.mark.slow),
        pytest.param(768, True, marks=pytest.mark.slow),
        pytest.param(1440, True, marks=pytest.mark.slow),
        pytest.param(390, False, marks=pytest.mark.slow),
        pytest.param(360, False, marks=pytest.mark.slow),
    ],
)
def test_every_tab(visit, address, width, dark):
    page = visit(width, 844, address=f"{address}?__theme={'dark' if dark else 'light'}", touch=width < 700)
    found(page, "motorcycle", "floor", "dog")
    page.evaluate(AXE)
    problems = {}
    for name in FIND:
        tab(page, name)
        expect(page.get_by_role("tab", name=name, exact=True)).to_have_attribute("aria-selected", "true")
        page.wait_for_timeout(150)  # colours of the tabs fade in
        opened_up(page)
        fits(page)
        assert in_order(page.evaluate(LEVELS)), name
        problems[name] = page.evaluate(SERIOUS) + (page.evaluate(SMALL) if width < 700 else [])
    assert problems == {name: [] for name in FIND}


def test_the_keyboard_reaches_what_matters(visit):
    page = visit()
    found(page, "motorcycle", "floor", "dog")
    page.locator("#viewer .stage").focus()
    seen = []
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.append(tuple(page.evaluate(ACTIVE)))
    places = {place for place, *_ in seen}
    assert {"viewer", "names", "segment", "examples", "downloads", "evidence"} <= places
    assert all(outline != "none" or tag in ("INPUT", "BODY") for _, tag, outline in seen)
