"""Numbers, licences, addresses and pictures as the page shows them; the templates' filters."""

import base64
import io
import logging
import re
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from reco_core.errors import PhotoError
from reco_core.utils.images import centre_crop, limit_size, read_photo

log = logging.getLogger("reco_app")
SHOWN_SIDE = 1600  # long side of a result on the page
WEBP = "data:image/webp;base64,"
TILE_SIDE = 168  # pixels of an embedded picture, enough for sharp screens


def percent(share: float) -> str:
    """A share of a photo, 0..1, as people read it."""
    return "under 0.1 %" if 0 < share < 0.001 else f"{100 * share:.1f} %"


def counted(count: int, noun: str = "photo") -> str:
    """How many there are: "1 photo", "1,200 photos"."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def minutes(seconds: float) -> str:
    """A time as people say it: no more exact than it is known."""
    if seconds < 50:
        return f"{max(10, round(seconds, -1)):.0f} seconds"
    return counted(max(1, round(seconds / 60)), "minute")


def host(url: str) -> str:
    """The machine of an address, to be told before anything is fetched from there."""
    return urlsplit(url).netloc


def web_url(text: str) -> str:
    """The text if it is an http(s) address, else nothing: no other scheme may reach the browser."""
    try:
        parts = urlsplit(text.strip())
    except ValueError:
        return ""
    safe = parts.scheme in ("http", "https") and parts.netloc and not re.search(r"[\s\x00-\x1f\x7f]", text.strip())
    return text.strip() if safe else ""


def licence_name(licence: str) -> str:
    """A Creative Commons address as its usual short name; any other text as it is."""
    match = re.search(r"creativecommons\.org/(licenses|publicdomain)/([a-z-]+)/?([\d.]*)", licence)
    if not match:
        return licence or "licence not stated"
    kind, name, version = match.groups()
    if kind == "publicdomain":
        return f"CC0 {version}".strip() if name == "zero" else "public domain"
    return f"CC {name.upper()} {version}".strip()


def jpeg_url(data: bytes) -> str:
    """A JPEG inside an address: no file, so nobody else can ask for it."""
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()


def webp_url(data: bytes) -> str:
    """A WebP inside an address, likewise."""
    return WEBP + base64.b64encode(data).decode()


def square_url(picture: np.ndarray, side: int = TILE_SIDE) -> str:
    """The centre square of a picture (H, W, 3) uint8, as large as asked for."""
    return _encoded(Image.fromarray(centre_crop(picture)).resize((side, side), Image.Resampling.BICUBIC), 80)


def photo_url(file: Path, side: int = TILE_SIDE) -> str:
    """The centre square of a file's photo; "" if it is not there, or is none."""
    try:
        return square_url(read_photo(file), side) if file.is_file() else ""
    except PhotoError as error:
        log.warning("photo not shown: %s", error)
        return ""


def picture_url(picture: np.ndarray, side: int) -> str:
    """A picture (H, W, 3) uint8 whose long side is at most `side`."""
    return _encoded(Image.fromarray(limit_size(picture, side)), 86)


def _encoded(picture: Image.Image, quality: int) -> str:
    packed = io.BytesIO()
    picture.save(packed, "JPEG", quality=quality)
    return jpeg_url(packed.getvalue())
