"""Whether reading a photo ever ends in anything but a photo or a `PhotoError`, whatever is wrong with its file.

python benchmarks/reading_photos.py [--exif 6000] [--mutated 2000] [--seed 0]

Odd Exif blocks, all with an orientation that has to count, are put into JPEGs, PNGs and WebPs; files of every format
are cut, and their bytes changed, inserted, repeated and taken out.
"""

import argparse
import collections
import io
import random
import struct
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image, ImageCms

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from reco_core.errors import PhotoError
from reco_core.utils.images import FORMATS, read_with_remarks

WIDTH, HEIGHT = 48, 32
TAGS = (0x010E, 0x010F, 0x0110, 0x011A, 0x011B, 0x0128, 0x0131, 0x0132, 0x013B, 0x8298, 0x8769, 0x8825, 0xA005, 0x927C)
SIZES = (0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8)  # of a value of each type, from BYTE to DOUBLE


def scene() -> Image.Image:
    """A picture whose left is red and whose right is blue, with some structure."""
    pixels = np.random.default_rng(0).integers(0, 60, (HEIGHT, WIDTH, 3))
    pixels[:, : WIDTH // 2, 0] += 180
    pixels[:, WIDTH // 2 :, 2] += 180
    return Image.fromarray(pixels.astype(np.uint8))


def files() -> dict[str, list[bytes]]:
    """Small files of every format that is read, plain and in its odder kinds."""
    plain, profile = scene(), ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    deep = np.linspace(0, 4095, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)
    grey = Image.fromarray(deep.astype(np.uint16))
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a scene"
    said = {"exif": exif, "icc_profile": profile}
    several = {"save_all": True, "append_images": [plain.rotate(180)]}
    frames = dict.fromkeys(("GIF", "WEBP", "TIFF", "AVIF", "HEIF"), several)
    found = {kind: [_encoded(plain, kind)] for kind in FORMATS}
    for kind, options in frames.items():
        found[kind].append(_encoded(plain, kind, **options))
    for kind in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"):
        found[kind].append(_encoded(plain, kind, **said))
    found["JPEG"] += [_encoded(plain.convert("CMYK"), "JPEG"), _encoded(plain, "JPEG", progressive=True)]
    found["PNG"] += [_encoded(grey, "PNG"), _encoded(plain.convert("P"), "PNG"), _encoded(plain.convert("RGBA"), "PNG")]
    found["TIFF"] += [_encoded(grey, "TIFF"), _encoded(Image.fromarray(deep.astype(np.float32)), "TIFF")]
    found["TIFF"] += [_encoded(plain, "TIFF", compression=way) for way in ("tiff_lzw", "jpeg", "tiff_adobe_deflate")]
    floats = io.BytesIO()
    tifffile.imwrite(floats, np.asarray(plain, np.float32) / 255, photometric="rgb")
    found["TIFF"].append(floats.getvalue())
    return found


def odd_exif(chance: random.Random, orientation: int) -> bytes:
    """A TIFF block whose orientation is as asked and whose other entries are of any type, count and value."""
    order = chance.choice("<>")
    tags = sorted(chance.sample(TAGS, chance.randint(1, len(TAGS))))
    entries, after, start = [], b"", 8 + 2 + 12 * (len(tags) + 1) + 4
    for tag in sorted((*tags, 0x0112)):
        kind, count = (3, 1) if tag == 0x0112 else (chance.randint(0, 15), chance.choice((0, 1, 2, 3, 9, 70_000)))
        size = count * SIZES[kind] if kind < len(SIZES) else 4
        value = chance.randbytes(4)
        if tag == 0x0112:
            value = struct.pack(f"{order}H2x", orientation)
        elif 4 < size < 100 and chance.random() < 0.8:
            value = struct.pack(f"{order}I", start + len(after))
            after += chance.randbytes(size)
        entries.append(struct.pack(f"{order}HHI", tag, kind, count) + value)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(entries))
    return head + b"".join(entries) + struct.pack(f"{order}I", chance.choice((0, 0, 8, 5000))) + after


def mutated(data: bytes, chance: random.Random) -> bytes:
    """A file with a few things done to it."""
    found = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        at, length = chance.randrange(len(found) or 1), chance.choice((1, 2, 4, 16, 200))
        way = chance.randrange(7)
        if way < 3:
            found[at : at + length] = chance.randbytes(length)
        elif way == 3:
            found[at : at + 4] = chance.choice((b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\1"))
        elif way == 4:
            found[at:at] = found[at : at + length] or b"\0"
        elif way == 5:
            del found[at : at + length]
        else:
            del found[max(at, 1) :]
    return bytes(found) if chance.random() < 0.5 else _mended(bytes(found))


def _mended(data: bytes) -> bytes:
    """A PNG whose checksums are right again, so that what was done to it gets past them."""
    found, at = bytearray(data), 8
    while data.startswith(b"\x89PNG") and at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        if end + 4 <= len(data):
            found[end : end + 4] = zlib.crc32(data[at + 4 : end]).to_bytes(4, "big")
        at = end + 4
    return bytes(found)


def _encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def _outcome(data: bytes, check: Callable[[np.ndarray], bool] = lambda _: True) -> str:
    """What came of a file: "read", "refused", "wrong", or the name of the error that should not have been."""
    try:
        photo, _ = read_with_remarks(data)
    except PhotoError:
        return "refused"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    sound = photo.dtype == np.uint8 and photo.ndim == 3 and photo.shape[2] == 3
    return "read" if sound and check(photo) else "wrong"


def _is_upright(photo: np.ndarray) -> bool:
    """Whether the red side of a scene with orientation 6 is at the top."""
    top, bottom = np.array_split(photo.astype(int), 2)
    red = top[..., 0].mean() > top[..., 2].mean() and bottom[..., 0].mean() < bottom[..., 2].mean()
    return photo.shape[:2] == (WIDTH, HEIGHT) and bool(red)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exif", type=int, default=6000, help="odd Exif blocks (default 6000)")
    parser.add_argument("--mutated", type=int, default=2000, help="mutated files a format (default 2000)")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    chance, failures = random.Random(args.seed), 0

    def tell(name: str, outcomes: collections.Counter[str], seconds: float, wanted: tuple[str, ...]) -> int:
        print(f"{name:12} {dict(outcomes)}, {seconds:.0f} s", flush=True)
        return sum(count for outcome, count in outcomes.items() if outcome not in wanted)

    plain, began = scene(), time.perf_counter()
    outcomes: collections.Counter[str] = collections.Counter()
    for i in range(args.exif):
        exif = b"Exif\0\0" + odd_exif(chance, 6)
        outcomes[_outcome(_encoded(plain, ("JPEG", "PNG", "WEBP")[i % 3], exif=exif), _is_upright)] += 1
    failures += tell("Exif", outcomes, time.perf_counter() - began, ("read",))
    for kind, sound in files().items():
        began = time.perf_counter()
        outcomes = collections.Counter(_outcome(mutated(chance.choice(sound), chance)) for _ in range(args.mutated))
        failures += tell(kind, outcomes, time.perf_counter() - began, ("read", "refused"))
    if failures:
        sys.exit(f"{failures} files ended as they must not")


if __name__ == "__main__":
    main()
