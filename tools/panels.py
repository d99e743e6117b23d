"""Pictures in rows, each with a line below: what the scripts that draw for docs/ share."""

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from reco_core import ReCo, RecoError

SIDE, GAP, STRIP = 168, 8, 24
FONT = ImageFont.load_default(14)


def square(picture: Image.Image) -> Image.Image:
    """Fitted into a white square."""
    out = Image.new("RGB", (SIDE, SIDE), "white")
    scale = SIDE / max(picture.size)
    size = (round(picture.width * scale), round(picture.height * scale))
    fitted = picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    out.paste(fitted, ((SIDE - fitted.width) // 2, (SIDE - fitted.height) // 2))
    return out


def panel(picture: Image.Image, text: str) -> Image.Image:
    """A square with a line below."""
    out = Image.new("RGB", (SIDE, SIDE + STRIP), "white")
    out.paste(square(picture))
    ImageDraw.Draw(out).text((SIDE // 2, SIDE + STRIP // 2), text, fill="black", font=FONT, anchor="mm")
    return out


def grid(rows: Sequence[Sequence[Image.Image]]) -> Image.Image:
    """Panels of one size in rows."""
    width, height = rows[0][0].size
    out = Image.new("RGB", (max(map(len, rows)) * (width + GAP) - GAP, len(rows) * (height + GAP) - GAP), "white")
    for y, row in enumerate(rows):
        for x, one in enumerate(row):
            out.paste(one, (x * (width + GAP), y * (height + GAP)))
    return out


def thumbnail(reco: ReCo, row: int) -> Image.Image:
    """The archive's own small picture of an openly licensed photo. Raises RecoError: it has none."""
    stored = reco.archive.thumbnail(row)
    if not stored:
        raise RecoError("the archive has no picture of this photo", given=f"photo {row}", expected="an open licence")
    return Image.open(io.BytesIO(stored))
