"""Record a first visit to the app as an animated WebP for the README.

python tools/record_visit.py docs/visit.webp [--address http://127.0.0.1:7860/]

Without an address it starts the app. Needs what requirements-dev.txt installs, and a chromium.
"""

import argparse
import io
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page, sync_playwright

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "tests")]
from support.chromium import launch
from support.page import names_field
from support.server import serving

WIDTH, HEIGHT, SHOWN = 1120, 760, 800  # pixels of the window, and of the recording's width
MOST_BYTES = 2_000_000
QUALITIES = (70, 60, 50, 40, 30)  # the first that fits is taken
SLOW = 30_000  # milliseconds for a result


class Recording:
    """Frames with how long each is shown."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.frames: list[Image.Image] = []
        self.times: list[int] = []

    def frame(self, milliseconds: int) -> None:
        """What the page shows now, for so long."""
        shot = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")
        small = shot.resize((SHOWN, round(shot.height * SHOWN / shot.width)), Image.Resampling.LANCZOS)
        if self.frames and self.frames[-1].tobytes() == small.tobytes():
            self.times[-1] += milliseconds
        else:
            self.frames.append(small)
            self.times.append(milliseconds)

    def save(self, file: Path) -> int:
        """Write an animated WebP that fits; how large it is."""
        for quality in QUALITIES:
            first, *rest = self.frames
            options = {"duration": self.times, "loop": 0, "quality": quality, "method": 6, "minimize_size": True}
            first.save(file, "WEBP", save_all=True, append_images=rest, **options)
            if file.stat().st_size < MOST_BYTES:
                break
        return file.stat().st_size


def visit(page: Page, recording: Recording) -> None:
    """A first visit: the example, its masks one by one, another photo, another name, what it was learned from."""
    viewer = page.locator("#viewer")
    page.wait_for_selector("#viewer[data-state=done]", timeout=SLOW)
    page.wait_for_timeout(400)
    recording.frame(1600)
    for place in ((0.45, 0.5), (0.2, 0.9)):
        over(page, viewer.locator(".stage"), *place)
        recording.frame(700)
    page.mouse.move(5, 5)
    viewer.get_by_role("button", name="Photo | masks").click()
    divider = viewer.locator(".divider")
    for share in (0.5, 0.35, 0.2, 0.35, 0.5, 0.65, 0.8):
        slide(page, viewer.locator(".stage"), divider, share)
        recording.frame(180)
    viewer.get_by_role("button", name="Photo | masks").click()
    page.locator("#examples [data-example=coffee]").click()
    recording.frame(500)
    page.wait_for_selector("#viewer[data-state=done]", timeout=SLOW)
    page.wait_for_timeout(400)
    recording.frame(1600)
    field = names_field(page)
    for letter in "plate":
        field.press_sequentially(letter)
        page.wait_for_timeout(120)
        recording.frame(140)
    field.press("Enter")
    page.wait_for_timeout(250)
    recording.frame(600)
    page.wait_for_selector("#viewer[data-state=done] [data-name=plate]", state="attached", timeout=SLOW)
    page.wait_for_timeout(400)
    recording.frame(1800)
    page.locator("#evidence summary").first.click()
    page.locator("#evidence details").first.scroll_into_view_if_needed()
    page.wait_for_timeout(600)
    recording.frame(2200)


def over(page: Page, stage: Locator, x: float, y: float) -> None:
    """Point at a share of the photo."""
    box = stage.bounding_box() or {"x": 0, "y": 0, "width": 1, "height": 1}
    page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=3)
    page.wait_for_timeout(120)


def slide(page: Page, stage: Locator, divider: Locator, share: float) -> None:
    """Drag the divider to a share of the photo."""
    at, box = divider.bounding_box(), stage.bounding_box()
    if at is None or box is None:
        return
    page.mouse.move(at["x"] + at["width"] / 2, at["y"] + at["height"] / 3)
    page.mouse.down()
    page.mouse.move(box["x"] + share * box["width"], at["y"] + at["height"] / 3, steps=3)
    page.mouse.up()


@contextmanager
def app(address: str) -> Iterator[str]:
    """The app at an address, or one of its own."""
    if address:
        yield address
        return
    with tempfile.TemporaryDirectory() as scratch, serving([sys.executable, "app.py"], Path(scratch)) as url:
        yield url


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--address", default="", help="of an app that runs already")
    args = parser.parse_args()
    with app(args.address) as url, sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        page.goto(f"{url}?__theme=light")
        recording = Recording(page)
        visit(page, recording)
        browser.close()
    size = recording.save(args.out)
    print(f"{args.out}: {len(recording.frames)} frames, {sum(recording.times) / 1000:.0f} s, {size / 1e6:.2f} MB")
    return 0 if size < MOST_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
