"""Photos for tests of the app, and zips of them."""

import io
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from reco_app.visitor.user_photos import SmallPhoto, shrink


def packed(photo: np.ndarray, kind: str = "TIFF") -> bytes:
    """A photo (H, W, 3) uint8 as a file's bytes."""
    out = io.BytesIO()
    Image.fromarray(photo).save(out, kind)
    return out.getvalue()


def pattern(seed: int) -> SmallPhoto:
    """A photo like no other."""
    blocks = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), np.uint8)
    return shrink(f"{seed}.png", packed(np.kron(blocks, np.ones((4, 4, 1), np.uint8)), "PNG"))


def dot(file: Path) -> Path:
    """Too small to be a photo."""
    Image.new("RGB", (1, 1)).save(file)
    return file


def zipped(file: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in members.items():
            out.writestr(name, data)
    return file


def huge_png(file: Path, side: int = 20_000) -> Path:
    """A valid 1-bit PNG of side x side pixels in a few kilobytes, without ever holding its pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer, row = zlib.compressobj(9), b"\0" * (1 + side // 8)
    rows = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b""))
    return file
