"""What people do with the page, and what they see there."""

import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

PATIENCE = 60_000  # milliseconds for anything to appear
EVIL = "<img src=x onerror=alert(1)>"
# A visitor who cancels the first run that lasts, and notes what the page said then: quicker than any answer.
CANCELS_AT_ONCE = """window.cancelled = null;
const watch = setInterval(() => {
  const viewer = document.querySelector("#viewer[data-state=running]"), stop = document.querySelector("#stop");
  if (!viewer || !stop?.getClientRects().length) return;
  clearInterval(watch);
  window.cancelled = viewer.querySelector(".message").textContent;
  stop.click();
}, 1);"""
FIND = ("Find", "What's in it?", "Teach", "Train", "About")


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()


def state(page: Page, is_now: str, viewer: str = "viewer") -> None:
    """Wait until the viewer is in a state."""
    expect(page.locator(f"#{viewer}")).to_have_attribute("data-state", is_now, timeout=PATIENCE)


def choose(page: Page, *files: Path, area: str = "photo") -> None:
    """Give a photo, as a drop or the file chooser does."""
    page.locator(f"#{area} input[type=file]").set_input_files(files)


def names_field(page: Page) -> Locator:
    return page.locator("#names").get_by_role("combobox")


def type_names(page: Page, names: str) -> Locator:
    """Put names in place of those that are there."""
    clear = page.locator("#names").get_by_role("button", name="Clear all")
    if clear.is_visible():
        clear.click()
    field = names_field(page)
    field.fill(names)
    return field


def ask(page: Page, names: str, *, enter: bool = False) -> None:
    """Type names to find, and go."""
    field = type_names(page, names)
    if enter:
        field.press("Enter")
    else:
        page.click("#segment")


def answers(page: Page) -> dict[str, str]:
    """What the legend says of each name."""
    rows = page.locator("#viewer [data-name]")
    return dict(rows.evaluate_all("rows => rows.map(row => [row.dataset.name, row.dataset.answer])"))


def found(page: Page, *names: str) -> dict[str, str]:
    """Wait for the result of these names; what is said of each."""
    state(page, "done")
    for name in names:
        expect(page.locator(f'#viewer [data-name="{name}"]')).to_have_count(1, timeout=PATIENCE)
    expect(page.locator("#viewer [data-name]")).to_have_count(len(names), timeout=PATIENCE)
    expect(page.locator("#evidence details")).to_have_count(len(names), timeout=PATIENCE)
    return answers(page)


def example(page: Page, key: str) -> None:
    page.locator(f"#examples [data-example={key}]").click()


def drop(page: Page, where: str, files: list[Path]) -> None:
    """Drop files where many can be dropped, in place of those before."""
    clear = page.locator(f"{where} [aria-label='Clear']")
    if clear.count():
        clear.click()
    page.locator(f"{where} input[type=file]").set_input_files(files)
    expect(page.locator(f"{where} .file-preview tr")).to_have_count(len(files), timeout=PATIENCE)


def downloads(page: Page, links: str) -> dict[str, Path]:
    """What links and buttons give, by name."""
    saved = {}
    for link in page.locator(links).all():
        with page.expect_download() as download:
            link.click()
        saved[download.value.suggested_filename] = download.value.path()
    return saved


def complains(page: Page, about: str) -> None:
    """An error is shown in the corner, and then closed."""
    expect(page.get_by_test_id("toast-text").filter(has_text=re.compile(about))).to_be_visible(timeout=PATIENCE)
    page.get_by_test_id("toast-close").first.click()
    expect(page.get_by_test_id("toast-text")).to_have_count(0, timeout=PATIENCE)


def fits(page: Page, inside: str = "main") -> None:
    """Nothing is wider than the screen, but for strips that scroll by themselves."""
    width = page.viewport_size["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    script = """inside => Math.max(...[...document.querySelectorAll(inside)]
      .filter(part => !part.closest('.reco-examples, .reco-strip') && part.getClientRects().length)
      .map(part => part.getBoundingClientRect().right))"""
    assert page.evaluate(script, f"{inside} :is(.block, button, img, svg, tr, td, figure, p, input)") <= width
