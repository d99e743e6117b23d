"""What people do with the page, and what they see there."""

import io
import re
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect

PATIENCE = 60_000  # milliseconds for anything to appear
EVIL = "<img src=x onerror=alert(1)>"


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def choose(page: Page, file: Path) -> None:
    """Replace the photo to segment, and wait until it has been uploaded."""
    page.locator("#photo input[type=file]").set_input_files(file)
    page.wait_for_selector(f"#photo img[src$='{file.name}']", state="attached")


def ask(page: Page, names: str, *, enter: bool = False) -> None:
    """Type names to segment, and go."""
    box = page.locator("#names :is(input, textarea)")
    box.fill(names)
    if enter:
        box.press("Enter")
    else:
        page.click("#segment")


def wait_for_legend(page: Page, *names: str) -> None:
    expect(page.locator("#legend .reco-name")).to_have_text(list(names), timeout=PATIENCE)
    expect(page.locator("#overlay img")).to_be_visible(timeout=PATIENCE)
    expect(page.locator("#gallery summary")).to_have_count(len(names), timeout=PATIENCE)


def picture(page: Page, where: str) -> np.ndarray:
    """The pixels of the picture that the page shows there."""
    reply = page.request.get(page.locator(f"{where} img").get_attribute("src"))
    return np.asarray(Image.open(io.BytesIO(reply.body())).convert("RGB")).astype(int)


def drop(page: Page, where: str, files: list[Path]) -> None:
    """Drop files where many can be dropped, in place of those before."""
    clear = page.locator(f"{where} [aria-label='Clear']")
    if clear.count():
        clear.click()
    page.locator(f"{where} input[type=file]").set_input_files(files)
    expect(page.locator(f"{where} .file-preview tr")).to_have_count(len(files), timeout=PATIENCE)


def downloads(page: Page, buttons: str) -> dict[str, Path]:
    """What the buttons give, by name."""
    saved = {}
    for button in page.locator(buttons).all():
        with page.expect_download() as download:
            button.click()
        saved[download.value.suggested_filename] = download.value.path()
    return saved


def complains(page: Page, about: str) -> None:
    """An error is shown in the corner, and then closed."""
    expect(page.get_by_test_id("toast-text").filter(has_text=re.compile(about))).to_be_visible(timeout=PATIENCE)
    page.get_by_test_id("toast-close").first.click()
    expect(page.get_by_test_id("toast-text")).to_have_count(0, timeout=PATIENCE)


def fits(page: Page, inside: str = "main") -> None:
    """Nothing is wider than the screen."""
    width = page.viewport_size["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    parts = f"{inside} :is(.block, button, img, svg, tr, td, figure, p, h3, input)"
    rightmost = "parts => Math.max(...[...document.querySelectorAll(parts)].map(e => e.getBoundingClientRect().right))"
    assert page.evaluate(rightmost, parts) <= width
