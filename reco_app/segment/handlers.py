"""What the Segment tab's controls call."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from gradio import Progress

from reco_app.components.exemplar_grid import ArchivePhotos, exemplar_grid
from reco_app.context import AppContext
from reco_app.events import shown_on
from reco_app.formats import SHOWN_SIDE
from reco_app.messages import user_errors
from reco_app.result_files import write_labels
from reco_app.segment import view
from reco_app.segment.session import SegmentResult
from reco_app.templates import render
from reco_app.visitor.uploads import read_upload
from reco_app.visitor.user_photos import UserPhotos, with_user_photos
from reco_core.errors import OptionError
from reco_core.export import FOUND_FROM, describe
from reco_core.methods import BACKGROUND_WORDS, CONTEXT_WORDS, with_titles
from reco_core.types import Segmentation
from reco_core.utils.images import limit_size, resize_labels
from reco_core.utils.names import parse_names

OPACITY = 0.6


@dataclass(frozen=True)
class SegmentRequest:
    """What is asked, as the controls and the API give it.

    photo: path of the uploaded file. names, background, context: words with commas between. preset: "" is the
    server's first. titles: whether photos count that are called so.
    """

    photo: str | None
    names: str
    method: str
    k: int
    background: str
    context: str
    preset: str
    titles: bool = True


class SegmentHandlers:
    """Holds only what all users share."""

    def __init__(self, context: AppContext) -> None:
        self.context = context
        self.archive_photos = ArchivePhotos(context.presets, context.photos)

    def run(
        self,
        opacity: float,
        user_photos: UserPhotos | None,
        found_from: float = FOUND_FROM,
        progress: Progress = Progress(),
        **asked: Any,
    ) -> tuple:
        """Segment and show; the exemplars follow by themselves. asked: a SegmentRequest's fields."""
        with user_errors():
            _, result, files = self._segment(SegmentRequest(**asked), user_photos, progress)
            result = replace(result, found_from=found_from)
            drawn = [i for i, found in enumerate(result.found) if found]
            return result, gr.Column(visible=True), *_shown(result, drawn, opacity), *files

    def segment(
        self,
        photo: str | None,
        names: str,
        method: str = "reco2",
        k: int = 20,
        background: str = ", ".join(BACKGROUND_WORDS),
        context: str = ", ".join(CONTEXT_WORDS),
        preset: str = "",
        titles: bool = True,
    ) -> tuple[str, str, dict]:
        """Mark named things in a photo.

        Args:
            photo: a JPEG, PNG, WebP, HEIC, AVIF, BMP, GIF or TIFF file of at most 50 megapixels.
            names: what to look for, with commas between the names, such as "cat, wall"; one in double quotes is taken
                as it is.
            method: reco2 (ours), reco (the paper's), denseclip (the baseline), reco2_crf or reco_crf.
            k: how many archive photos each name is learned from, 1 to 50.
            background: words that compete as background, with commas.
            context: words that are kept out of what a name is learned from, with commas.
            preset: which models: mini, or another one that this server has; "" for its first.
            titles: whether reco2 and reco2_crf also learn from photos whose titles have the name in them.

        Returns:
            overlay: PNG of the photo with every mask, long side at most 1600. labels: PNG as large as
            the photo; its pixel values are 0 for background and i for the i-th name. description: per
            name its colour, share of the photo, presence (0 to 1, is it there at all), found or not, and exemplars,
            each with why it was chosen: it looks so, its title says so, both, or it was given; and remarks, what of
            the names is not understood, such as colours.
        """
        with user_errors():
            request = SegmentRequest(photo, names, method, k, background, context, preset, titles)
            segmentation, result, (labels, _) = self._segment(request)
            _, overlay = view.draw(result, range(len(segmentation.names)), OPACITY)
            return overlay, labels, {"remarks": result.remarks, **describe(segmentation)}

    def redraw(self, result: SegmentResult | None, drawn: list[int], opacity: float) -> tuple[str, str, str]:
        """The overlay and the legend with other concepts or opacity."""
        with user_errors():
            kept = _kept(result)
            return *view.draw(kept, drawn, opacity), view.legend(kept, drawn)

    def judge(self, result: SegmentResult | None, drawn: list[int], opacity: float, found_from: float) -> tuple:
        """Say "found" from another presence on; what this changes is drawn or no longer drawn, the rest stays."""
        with user_errors():
            if result is None or result.found_from == found_from:
                return (gr.skip(),) * 5
            old, new = _kept(result), replace(result, found_from=found_from)
            pairs = enumerate(zip(old.found, new.found, strict=True))
            drawn = [i for i, (before, now) in pairs if (now if now != before else i in drawn)]
            return new, *_shown(new, drawn, opacity)

    def exemplars(self, result: SegmentResult | None, user_photos: UserPhotos | None) -> tuple:
        """What each concept was learned from. That the visitor's photos were used keeps them longer."""
        with user_errors():
            shown = ""
            if result:
                tile = partial(self.archive_photos.tile, result.preset, user_rows=result.user_rows)
                shown = exemplar_grid(result.concepts, tile)
            taught = render("components/taught_names.html", names=user_photos.names if user_photos else {})
            return gr.Column(visible=True), shown, user_photos, taught

    def _segment(
        self, asked: SegmentRequest, user_photos: UserPhotos | None = None, progress: Progress = Progress()
    ) -> tuple[Segmentation, SegmentResult, tuple[str, str]]:
        """What was found, what is kept of it, and the files of labels and description."""
        pixels, k = read_upload(asked.photo), int(asked.k)
        parse_names(asked.names or "")  # what is wrong with them, before models are loaded
        if not 1 <= k <= self.context.limits.exemplars:
            raise OptionError("k is out of range", given=asked.k, expected=f"1 to {self.context.limits.exemplars}")
        background, context = _words(asked.background), _words(asked.context)
        method = with_titles(asked.method) if asked.titles else asked.method
        if not self.context.presets.loaded(asked.preset):
            progress(None, desc="Loading the model")
        archive = with_user_photos(self.context.presets.get(asked.preset), user_photos, progress)
        names, remarks = archive.reco.understand(asked.names, archive.taught)
        references = archive.reco.prepare(
            names,
            k=k,
            method=method,
            background=background,
            context=context,
            taught=list(archive.concepts(names, method, k, context).values()),
            control=shown_on(progress, "names"),
        )
        segmentation = archive.reco.segment(pixels, references, method=method)
        folder = Path(tempfile.mkdtemp(dir=self.context.cache))
        settings = {
            "preset": archive.reco.encoder.preset.name,
            "method": method,
            "k": k,
            "context_words": context,
            "remarks": remarks,
        }
        files = write_labels(segmentation, {**settings, **describe(segmentation)}, folder)
        shown, times = limit_size(pixels, SHOWN_SIDE), segmentation.timings
        result = SegmentResult(
            photo=shown,
            labels=resize_labels(segmentation.labels, shown.shape[:2]),
            concepts=references.concepts,
            shares=tuple(segmentation.share(i + 1) for i in range(len(segmentation.names))),
            presence=segmentation.presence,
            folder=folder,
            preset=asked.preset,
            user_rows=archive.user_rows,
            learned=times["prepare"],
            marked=sum(times.values()) - times["prepare"],
            remarks=remarks,
        )
        return segmentation, result, files


def _words(text: str) -> tuple[str, ...]:
    """Words with commas between, perhaps none."""
    return parse_names(text) if text and text.strip() else ()


def _kept(result: SegmentResult | None) -> SegmentResult:
    if result is None or not result.folder.is_dir():
        raise gr.Error("This result is no longer kept. Press Segment again.", print_exception=False)
    return result


def _shown(result: SegmentResult, drawn: Sequence[int], opacity: float) -> tuple[str, str, gr.CheckboxGroup, str]:
    """Picture, file, what is ticked, legend."""
    ticks = gr.CheckboxGroup(view.choices(result), value=list(drawn))
    return *view.draw(result, drawn, opacity), ticks, view.legend(result, drawn)
