"""The letters of names in pictures: of most alphabets of Europe and some others, not of Chinese, Japanese, Korean."""

from functools import cache

from PIL import ImageFont

FOLDER = "fonts/ttf"  # which comes with matplotlib; Pillow's own font has not even umlauts
PLAIN, BOLD = "DejaVuSans.ttf", "DejaVuSans-Bold.ttf"


def name_font(height: float, bold: bool = False) -> ImageFont.FreeTypeFont:
    """The font for names, with letters of this height in pixels."""
    return ImageFont.truetype(_file(BOLD if bold else PLAIN), height)


def can_write(text: str) -> bool:
    """Whether the font has every sign of a text, as plain and bold."""
    return all(ord(sign) in _signs() for sign in text)


@cache
def _file(name: str) -> str:
    import matplotlib  # takes a while, and few need it

    return f"{matplotlib.get_data_path()}/{FOLDER}/{name}"


@cache
def _signs() -> frozenset[int]:
    from matplotlib.ft2font import FT2Font

    return frozenset.intersection(*(frozenset(FT2Font(_file(name)).get_charmap()) for name in (PLAIN, BOLD)))
