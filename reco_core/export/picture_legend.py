"""The names of a shared picture: colour, name and share of each, in columns."""

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

from reco_core.utils.fonts import can_write, name_font
from reco_core.utils.visualize import colour

MOST_NAMES = 12
PANEL = 420  # pixels: the most that names take beside a photo, and the least below
PAPER, INK, QUIET = (255, 255, 255), (24, 24, 30), (106, 106, 118)
PAD, GAP, ROW = 36, 44, 46  # around the names, between columns, from row to row
ABOVE = 24  # what is left of `PAD` above and below, where rows have air of their own
LETTERS, SMALL = 25, 18
SWATCH, ROUND, FINE = 24, 6, 4
AFTER_SWATCH, BEFORE_SHARE = 13, 11
MADE = "made with ReCo"

RGB = tuple[int, int, int]


class Marked(NamedTuple):
    """A name that was found: its label, 1 to 255, and its share of the photo, 0..1."""

    name: str
    label: int
    share: float


class Entry(NamedTuple):
    """A name as it is written, its share, its colour; what is no name has none."""

    name: str
    share: str = ""
    shade: RGB | None = None

    @property
    def width(self) -> int:
        """In pixels."""
        swatch = SWATCH + AFTER_SWATCH if self.shade else 0
        share = BEFORE_SHARE + _width(self.share, _plain()) if self.share else 0
        return swatch + _width(self.name, self.font) + share

    @property
    def font(self) -> ImageFont.FreeTypeFont:
        return _bold() if self.shade else _plain()


class Legend(NamedTuple):
    """Entries in columns of one width, row by row."""

    entries: list[Entry]
    columns: int
    width: int

    @classmethod
    def of(cls, told: Sequence[Marked], missing: Sequence[str], width: int, columns: int = 0) -> "Legend":
        """At most so wide, in pixels. told: the first `MOST_NAMES` are written. columns: 0 is as many as fit."""
        entries = list(_entries(told, missing, width - 2 * PAD))
        widest = max(entry.width for entry in entries)
        fitting = max(1, min(len(entries), (width - 2 * PAD + GAP) // (widest + GAP)))
        return cls(entries, columns or fitting, widest + 2 * PAD if columns else width)

    @property
    def height(self) -> int:
        """In pixels, with what is around."""
        rows = -(-len(self.entries) // self.columns)
        return 2 * ABOVE + ROW * rows + (0 if self._beside_last else SMALL + 10)

    @property
    def _column(self) -> int:
        return max(entry.width for entry in self.entries) + GAP

    @property
    def _beside_last(self) -> bool:
        """Whether the last row has room for the line at the lower right."""
        last = (len(self.entries) - 1) % self.columns
        used = last * self._column + self.entries[-1].width
        return used + GAP + _width(MADE, name_font(SMALL)) <= self.width - 2 * PAD

    def write(self, canvas: Image.Image, place: tuple[int, int]) -> None:
        """Write it upon a picture, from (x, y) on; the last line at the picture's lower right."""
        pen, (left, top) = ImageDraw.Draw(canvas), place
        for i, entry in enumerate(self.entries):
            x = left + PAD + (i % self.columns) * self._column
            y = top + ABOVE + ROW * (i // self.columns) + ROW // 2
            if entry.shade:
                _swatch(canvas, (x, y - SWATCH // 2), entry.shade)
                x += SWATCH + AFTER_SWATCH
            pen.text((x, y), entry.name, INK if entry.shade else QUIET, entry.font, anchor="lm")
            pen.text((x + _width(entry.name, entry.font) + BEFORE_SHARE, y), entry.share, QUIET, _plain(), anchor="lm")
        bottom = canvas.height - ABOVE - ROW // 2 if self._beside_last else canvas.height - ABOVE - SMALL // 2
        pen.text((canvas.width - PAD, bottom), MADE, QUIET, name_font(SMALL), anchor="rm")


def _entries(told: Sequence[Marked], missing: Sequence[str], room: int) -> list[Entry]:
    entries = []
    for name, label, share in told[:MOST_NAMES]:
        part = "under 1 %" if share < 0.01 else f"{100 * share:.0f} %"
        space = room - SWATCH - AFTER_SWATCH - BEFORE_SHARE - _width(part, _plain())
        shown = name if can_write(name) else str(label)  # as in other pictures
        entries.append(Entry(_cut(shown, _bold(), space), part, colour(label - 1)))
    if len(told) > MOST_NAMES:
        entries.append(Entry(f"and {len(told) - MOST_NAMES} more"))
    if not told:
        listed = ", ".join(filter(can_write, missing))
        entries.append(Entry(_cut(f"not found: {listed}" if listed else "nothing found", _plain(), room)))
    return entries


def _swatch(canvas: Image.Image, place: tuple[int, int], shade: RGB) -> None:
    side = FINE * SWATCH
    shape = Image.new("L", (side, side))
    ImageDraw.Draw(shape).rounded_rectangle((0, 0, side - 1, side - 1), FINE * ROUND, fill=255)
    canvas.paste(shade, (*place, place[0] + SWATCH, place[1] + SWATCH), shape.reduce(FINE))


@cache
def _bold() -> ImageFont.FreeTypeFont:
    return name_font(LETTERS, bold=True)


@cache
def _plain() -> ImageFont.FreeTypeFont:
    return name_font(LETTERS)


@lru_cache(1024)
def _width(text: str, font: ImageFont.FreeTypeFont) -> int:
    return round(font.getlength(text))


@lru_cache(1024)
def _cut(text: str, font: ImageFont.FreeTypeFont, room: int) -> str:
    """A text that fits, with dots where it was cut."""
    if _width(text, font) <= room:
        return text
    while text and _width(text + "…", font) > room:
        text = text[:-1]
    return text.rstrip(" ,") + "…"
