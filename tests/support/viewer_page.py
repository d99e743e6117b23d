"""What people do with the viewer, and what is drawn there."""

import re

import numpy as np
from playwright.sync_api import Page

ALL = {"cup", "spoon", "table"}  # what is found in `viewer_app.scene`


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
      const bits = Array.from({length: data.length / 4}, (_, i) => data[4 * i + 3] > 99 ? 1 : 0);
      return [lines.height, lines.width, bits.join('')];
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
