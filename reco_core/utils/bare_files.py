"""Photo files without what is said about them: pixels, orientation and colour profile stay, texts and dates go.

Decoders read it all and stop at whatever is odd: a resolution that is text, a comment of some megabytes.
"""

import re
import struct
import zlib
from typing import NamedTuple

MOST_PROFILE_BYTES = 1_000_000  # what Pillow unpacks of a PNG's colour profile
PNG = b"\x89PNG\r\n\x1a\n"
TIFF = (b"II*\0", b"MM\0*")
ORIENTATION = 0x0112
INTEGERS = {1: "B", 3: "H", 4: "I"}  # by their type in an entry
PNG_KEPT = (b"tRNS", b"iCCP")
EXIF, PROFILE = b"Exif\0\0", b"ICC_PROFILE\0"
JPEG_DROPPED = {0xFE, *range(0xE1, 0xF0)} - {0xEE}  # APP0 and APP14 tell which colours it has
TIFF_KEPT = {*range(254, 267), 273, 274, *range(277, 282), 284, 292, 293, 317, 320, *range(322, 326), 338, 339, 340}
TIFF_KEPT |= {341, 347, *range(512, 522), *range(529, 533), 34675}
HEIF_EXIF = re.compile(rb"(infe\x02.{3}.{4})Exif", re.DOTALL)


class Bare(NamedTuple):
    """A file without its metadata, and the Exif block that it had; b"" if none, or if a decoder is trusted with it."""

    data: bytes
    exif: bytes = b""


def bare(data: bytes) -> Bare:
    """A JPEG, PNG, TIFF, HEIC or AVIF file without its metadata; anything else, and what is damaged, as it is."""
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    if data.startswith(PNG):
        return _png(data)
    if data[:4] in TIFF:
        return Bare(_tiff(data))
    if data[4:8] == b"ftyp":  # how it is turned is said by its box irot; the Exif tag may not count
        return Bare(HEIF_EXIF.sub(rb"\1skip", data))
    return Bare(data)


def _jpeg(data: bytes) -> Bare:
    kept, exif, at = [data[:2]], b"", 2
    while at + 4 <= len(data) and data[at] == 0xFF and 0xC0 <= data[at + 1] != 0xDA:
        marker, end = data[at + 1], at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker not in JPEG_DROPPED or (marker == 0xE2 and data.startswith(PROFILE, at + 4)):
            kept.append(data[at:end])
        elif marker == 0xE1 and data.startswith(EXIF, at + 4):
            exif = exif or data[at + 4 : end]
        at = end
    return Bare(b"".join((*kept, data[at:])), exif)


def _png(data: bytes) -> Bare:
    kept, exif, at = [PNG], b"", len(PNG)
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        kind, chunk = data[at + 4 : at + 8], data[at:end]
        needed = kind[:1].isupper()  # what every reader has to know
        if needed or (kind in PNG_KEPT and _is_sound(kind, chunk)):
            kept.append(chunk)
        elif kind == b"eXIf":
            exif = chunk[8:-4]
        at = end
    return Bare(b"".join((*kept, data[at:])), exif)


def _is_sound(kind: bytes, chunk: bytes) -> bool:
    if zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:], "big"):
        return False
    if kind != b"iCCP":
        return True
    packed, unpacker = chunk[8:-4].partition(b"\0")[2][1:], zlib.decompressobj()
    try:
        unpacker.decompress(packed, MOST_PROFILE_BYTES)
    except zlib.error:
        return False
    return unpacker.eof


def orientation(exif: bytes) -> int:
    """What an Exif block says of its photo, 1 to 8, or 0 if it says nothing. Its other entries may be anything."""
    block = exif.removeprefix(EXIF)
    order = _order(block)
    for entry in _directory(block)[1]:
        tag, kind, count = struct.unpack_from(f"{order}HHI", entry)
        if tag == ORIENTATION and count == 1 and kind in INTEGERS:
            value = struct.unpack_from(f"{order}{INTEGERS[kind]}", entry, 8)[0]
            return value if 1 <= value <= 8 else 0
    return 0


def _order(block: bytes) -> str:
    return "<" if block[:1] == b"I" else ">"


def _directory(block: bytes) -> tuple[int, list[bytes]]:
    """Where the first directory of a TIFF begins, and its entries of 12 bytes; none if it is not whole."""
    order = _order(block)
    if block[:4] not in TIFF or len(block) < 8:
        return 0, []
    start = struct.unpack_from(f"{order}I", block, 4)[0]
    if start + 2 > len(block):
        return 0, []
    end = start + 2 + 12 * struct.unpack_from(f"{order}H", block, start)[0]
    return (start, [block[at : at + 12] for at in range(start + 2, end, 12)]) if end <= len(block) else (0, [])


def _tiff(data: bytes) -> bytes:
    """The first directory's other entries are taken out where they are: what entries point at must not move."""
    start, entries = _directory(data)
    if not entries:
        return data
    order, end = _order(data), start + 2 + 12 * len(entries)
    kept = [entry for entry in entries if struct.unpack_from(f"{order}H", entry)[0] in TIFF_KEPT]
    directory = struct.pack(f"{order}H", len(kept)) + b"".join(kept) + data[end : end + 4]
    return data[:start] + directory + data[start + len(directory) :]
