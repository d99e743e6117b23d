"""The letters of names in pictures: of most alphabets of Europe and some others, not of Chinese, Japanese, Korean."""

from functools import cache

from PIL import ImageFont

FILE = "fonts/ttf/DejaVuSans.ttf"  # which comes with matplotlib; Pillow's own font has not even umlauts


def name_font(height: float) -> ImageFont.FreeTypeFont:
    """The font for names, with letters of this height in pixels."""
    return ImageFont.truetype(_file(), height)


def can_write(text: str) -> bool:
    """Whether the font has every sign of a text."""
    return all(ord(sign) in _signs() for sign in text)


@cache
def _file() -> str:
    import matplotlib  # takes a while, and few need it

    return f"{matplotlib.get_data_path()}/{FILE}"


@cache
def _signs() -> frozenset[int]:
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(_file()).get_charmap())
