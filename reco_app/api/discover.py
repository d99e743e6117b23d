"""The endpoint discover: find and name everything in a photo."""

from typing import Any

import numpy as np
from gradio import Progress

from reco_app.api.given import Given, data_of
from reco_app.api.inline import pictures, place
from reco_app.context import AppContext
from reco_app.discover.handlers import DiscoverHandlers
from reco_app.discover.session import painted
from reco_app.formats import SHOWN_SIDE
from reco_core.export import describe_discovery
from reco_core.utils.images import limit_size, read_with_remarks
from reco_core.zeroguidance.parts import PARTS


class DiscoverEndpoint:
    """Holds only what all callers share."""

    def __init__(self, context: AppContext, handlers: DiscoverHandlers) -> None:
        self.limits, self.handlers = context.limits, handlers
        self.defaults: dict[str, Any] = {"preset": context.presets.first}

    def discover(self, photo: Given, parts: int = PARTS, words: str = "", preset: str = "mini") -> dict:
        """Find and name everything in a photo, without being told what to look for.

        Args:
            photo: a JPEG, PNG, WebP, HEIC, AVIF, BMP, GIF or TIFF file of at most 30 MB, as base64 or as a data URL, or
                a file that was uploaded to this server. Over 50 megapixels it is scaled down.
            parts: how finely the photo is cut, 1 to 20 parts, before parts that are called alike become one.
            words: what things may be called, with commas, at most 1,000 words and 8,000 characters; nothing for 18,000
                nouns.
            preset: which models, and with them which archive: mini, or another one that this server has.

        Returns:
            size: width and height of the photo in pixels, as large as everything here but the overlay. segments: for
            each its label (from 1), name, confidence (0 to 1), others (what else it may be, with confidence), share of
            the photo (0 to 1), box (x, y, width, height in pixels), area in pixels, mask (COCO's compressed run
            lengths) and colour. overlay: a PNG's data URL, with names, long side at most 1600 pixels. labels: a PNG's
            data URL, its pixel values are labels. remarks: what had to be chosen in reading the photo. seconds by
            stage.
        """
        pixels, said = read_with_remarks(data_of(photo, self.limits), reduce=True)
        found = self.handlers.found(pixels, parts, words, preset, Progress())
        told = describe_discovery(found)
        told["segments"] = [one | place(found.labels, one["label"]) for one in told["segments"]]
        shown: np.ndarray = painted(limit_size(pixels, SHOWN_SIDE), found)
        return {**told, **pictures(found, shown), "preset": preset, "remarks": list(said)}
