"""Colours as a file's ICC profile means them, in sRGB."""

import io
import itertools

import numpy as np
from PIL import Image, ImageCms

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}
SAME = 2  # levels: a profile that differs by less is sRGB, and the photo stays as it is
PROBE = np.array(list(itertools.product((0, 64, 128, 192, 255), repeat=3)), np.uint8)[None]


def to_srgb(image: Image.Image) -> Image.Image:
    """A loaded image of 8 bits in RGB, by its profile; as it is if there is none, or none that fits. Alpha stays."""
    profile = image.info.get("icc_profile")
    if not profile:
        return image
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = MODES[opened.profile.xcolor_space]
        if (mode == "CMYK") != (image.mode == "CMYK"):
            return image
        intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
        transform = ImageCms.buildTransform(opened, SRGB, mode, "RGB", intent)
        if mode == "RGB":
            seen = np.asarray(ImageCms.applyTransform(Image.fromarray(PROBE), transform))
            if np.abs(seen.astype(int) - PROBE).max() <= SAME:
                return image
        found = ImageCms.applyTransform(image.convert(mode), transform)
    except Exception:  # lcms and Pillow raise what they like at a broken profile; the pixels are right without it
        return image
    if found is not None and image.mode in ("RGBA", "LA"):
        found.putalpha(image.getchannel("A"))
    return found or image
