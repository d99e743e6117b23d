"""The endpoint segment: mark named things in a photo."""

from typing import Any

from reco_app.api.given import Given, data_of
from reco_app.api.inline import pictures, place, png, soft
from reco_app.api.teach import Taught
from reco_app.context import AppContext
from reco_app.formats import SHOWN_SIDE
from reco_app.segment import view
from reco_app.segment.answering import Answering
from reco_app.segment.request import FOUND_LEAST, FOUND_MOST, SegmentRequest, usual
from reco_core.errors import OptionError
from reco_core.export import FOUND_FROM, answer, describe, is_found
from reco_core.methods import BACKGROUND_WORDS, CONTEXT_WORDS
from reco_core.presets import find_preset
from reco_core.utils.images import limit_size, read_with_remarks


class SegmentEndpoint:
    """Holds only what all callers share."""

    def __init__(self, context: AppContext, answering: Answering) -> None:
        self.limits, self.answering, self.taught = context.limits, answering, Taught(context)
        normal = usual(find_preset(context.presets.first))
        self.defaults: dict[str, Any] = {"method": normal.method, "k": normal.k, "preset": normal.preset}

    def segment(
        self,
        photo: Given,
        names: str,
        method: str = "reco2",
        k: int = 20,
        background: str = ", ".join(BACKGROUND_WORDS),
        context: str = ", ".join(CONTEXT_WORDS),
        preset: str = "mini",
        titles: bool = True,
        found_from: float = FOUND_FROM,
        taught: Given = "",
        scores: bool = False,
        exemplars: bool = False,
    ) -> dict:
        """Mark named things in a photo: for each name whether it is there, and its pixels.

        Args:
            photo: a JPEG, PNG, WebP, HEIC, AVIF, BMP, GIF or TIFF file of at most 30 MB, as base64 or as a data URL, or
                a file that was uploaded to this server. Over 50 megapixels it is scaled down.
            names: what to look for, with commas between the names, such as "cat, wall"; one in double quotes is taken
                as it is. At most 50 names of at most 80 characters.
            method: how photo and names are compared: reco2 (ours), reco2_crf (with finer outlines), reco (the paper's),
                reco_crf, or denseclip (the baseline).
            k: how many photos of the archive each name is learned from, 1 to 50.
            background: words that compete as background, with commas; they take the pixels that fit them better.
            context: words for surroundings that are kept out of what a name is learned from, with commas.
            preset: which models, and with them which archive: mini, or another one that this server has.
            titles: whether reco2 and reco2_crf also learn from photos whose titles have the name in them.
            found_from: the presence, 0.05 to 0.95, from which a name is said to be found.
            taught: what the endpoint teach has returned as "taught", or that zip as an upload, or nothing.
            scores: whether to return, for each name, how much of each pixel is its: a grey PNG, 255 is all of it.
            exemplars: whether to return the photos that each name was learned from, with authors and licences.

        Returns:
            size: width and height of the photo in pixels, as large as everything here but the overlay. concepts: for
            each name its label (from 1), answer (found, maybe or absent), presence (0 to 1, is it there at all), share
            of the photo (0 to 1), box (x, y, width, height in pixels, or null), area in pixels, mask (COCO's compressed
            run lengths, or null) and colour. overlay: a PNG's data URL, long side at most 1600 pixels. labels: a PNG's
            data URL, its pixel values are labels, 0 is background. background_share. remarks: what was not understood
            of the names, or had to be chosen in reading the photo. seconds by stage.
        """
        if not FOUND_LEAST <= found_from <= FOUND_MOST:
            expected = f"{FOUND_LEAST} to {FOUND_MOST}"
            raise OptionError("found_from is out of range", given=found_from, expected=expected)
        pixels, said = read_with_remarks(data_of(photo, self.limits), reduce=True)
        asked = SegmentRequest(None, names, method, k, background, context, preset, titles, found_from)
        with self.taught.photos(taught, preset) as own:
            learned = self.answering.learn(asked, own)
            found = self.answering.mark(pixels, asked, learned)
        told = describe(found)
        soft_scores = soft(found.scores) if scores else None
        for concept in told["concepts"]:
            label, sure = concept["label"], (concept["presence"], found.share(concept["label"]), found_from)
            concept |= {"answer": answer(*sure), "found": is_found(*sure), **place(found.labels, label)}
            if soft_scores is not None:
                concept["scores"] = png(soft_scores[label])
            if not exemplars:
                del concept["exemplars"]
        shown = view.painted(limit_size(pixels, SHOWN_SIDE), found, found_from)
        settings = {"preset": learned.archive.reco.encoder.preset.name, "method": asked.full_method, "k": k}
        return {**told, **pictures(found, shown), **settings, "remarks": [*said, *learned.remarks]}
