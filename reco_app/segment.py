"""The Segment tab: what its controls call."""

import json
import shutil
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import gradio as gr
import numpy as np
from PIL import Image

from reco_app import gallery, tiles
from reco_app.joined import Shelf
from reco_app.own import Own, join
from reco_app.pictures import Pictures
from reco_app.preset_pool import Pool
from reco_app.told import told
from reco_core.errors import OptionError, PhotoError
from reco_core.export import FOUND_FROM, describe, is_found, label_image
from reco_core.methods import BACKGROUND_WORDS, CONTEXT_WORDS
from reco_core.types import Concept, Segmentation
from reco_core.utils.images import limit_size, read_photo, resize_labels
from reco_core.utils.names import parse_names
from reco_core.utils.run_control import RunControl
from reco_core.utils.visualize import overlay

SHOWN_SIDE = 1600  # long side of the picture on the page
MAX_K = 50
OPACITY = 0.6


@dataclass(frozen=True)
class Answer:
    """What a session keeps to redraw without running the model: photo and labels as large as shown.

    shares, presence: 0..1 by concept. found_from: presence below it is "not found". note: for the legend.
    """

    photo: np.ndarray
    labels: np.ndarray
    concepts: tuple[Concept, ...]
    shares: tuple[float, ...]
    presence: tuple[float, ...]
    folder: Path
    preset: str
    shelf: Shelf
    note: str
    found_from: float = FOUND_FROM

    @property
    def found(self) -> tuple[bool, ...]:
        """By concept, whether it is said to be in the photo."""
        pairs = zip(self.presence, self.shares, strict=True)
        return tuple(is_found(presence, share, self.found_from) for presence, share in pairs)

    @property
    def choices(self) -> list[tuple[str, int]]:
        """What can be ticked under Show."""
        named = enumerate(zip(self.concepts, self.found, strict=True))
        return [(concept.name if found else f"{concept.name} (not found)", i) for i, (concept, found) in named]

    def legend(self, drawn: Collection[int]) -> str:
        """The legend if these concepts are drawn."""
        faint = self.faint(drawn)
        table = gallery.legend(self.concepts, self.shares, self.presence, drawn, self.found_from)
        return f"{table}<p class='reco-note'>{self.note}{' Dashed outlines: not found.' if faint else ''}</p>"

    def faint(self, drawn: Collection[int]) -> list[int]:
        """What is only outlined: not found, not wanted, and somewhere in the photo."""
        return [i for i, found in enumerate(self.found) if not found and i not in drawn and self.shares[i]]


class Result:
    """The picture with its legend, and what changes them without running the model."""

    def __init__(self) -> None:
        self.shown = gr.Image(label="Result", interactive=False, height=360, buttons=["fullscreen"], elem_id="overlay")
        with gr.Column(visible=False, elem_id="results") as self.column:
            self.toggles = gr.CheckboxGroup(label="Show", elem_id="toggles")
            self.legend = gr.HTML(elem_id="legend", js_on_load=gallery.ON_LOAD, apply_default_css=False)
            self.opacity = gr.Slider(0, 1, OPACITY, step=0.05, label="Opacity", elem_id="opacity")
            with gr.Row():
                self.files = [
                    gr.DownloadButton(label, size="sm", min_width=90, elem_classes="download")
                    for label in ("Overlay PNG", "Labels PNG", "JSON")
                ]

    def connect(self, do: "Segmenting", answer: gr.State, found_from: gr.Slider, finished: list, options: dict) -> None:
        """Make the controls work. finished: events after which a new answer is there."""
        drawn = [self.shown, self.files[0], self.toggles, self.legend]
        judging = do.judge, [answer, self.toggles, self.opacity, found_from], [answer, *drawn]
        found_from.release(*judging, trigger_mode="always_last", **options)
        for event in finished:
            event.success(*judging, **options)  # in case that it was changed meanwhile
        for change in (self.toggles.input, self.opacity.release):
            change(
                do.redraw,
                [answer, self.toggles, self.opacity],
                [self.shown, self.files[0], self.legend],
                trigger_mode="always_last",
                **options,
            )


class Segmenting:
    """What the page's controls call. Holds only what all users share."""

    def __init__(self, pool: Pool, photos: Path | None, cache: str) -> None:
        """photos: folder with archive photos, for the gallery. cache: folder for results."""
        self.pool, self.cache = pool, cache
        Path(cache).mkdir(parents=True, exist_ok=True)
        self._pictures = Pictures(pool, photos)

    def run(
        self,
        photo: str | None,
        names: str,
        method: str,
        k: int,
        background: str,
        context: str,
        preset: str,
        opacity: float,
        progress=gr.Progress(),
        own: Own | None = None,
        found_from: float = FOUND_FROM,
    ) -> tuple:
        """Segment and show; the gallery follows by itself. own: the visitor's photos."""
        with told():
            _, answer = self._answer(photo, names, method, k, background, context, preset, progress, own)
            answer = replace(answer, found_from=found_from)
            drawn = [i for i, found in enumerate(answer.found) if found]
            return (
                answer,
                gr.Column(visible=True),
                *show(answer, drawn, opacity),
                str(answer.folder / "labels.png"),
                str(answer.folder / "result.json"),
            )

    def segment(
        self,
        photo: str | None,
        names: str,
        method: str = "reco2",
        k: int = 20,
        background: str = ", ".join(BACKGROUND_WORDS),
        context: str = ", ".join(CONTEXT_WORDS),
        preset: str = "",
    ) -> tuple[str, str, dict]:
        """Mark named things in a photo.

        Args:
            photo: a JPEG, PNG, WebP, BMP, GIF or TIFF file of at most 50 megapixels.
            names: what to look for, with commas between the names, such as "cat, wall".
            method: reco2 (ours), reco (the paper's), denseclip (the baseline), reco2_crf or reco_crf.
            k: how many archive photos each name is learned from, 1 to 50.
            background: words that compete as background, with commas.
            context: words that are kept out of what a name is learned from, with commas.
            preset: which models: mini, or another one that this server has; "" for its first.

        Returns:
            overlay: PNG of the photo with every mask, long side at most 1600. labels: PNG as large as
            the photo; its pixel values are 0 for background and i for the i-th name. description: per
            name its colour, share of the photo, presence (0 to 1, is it there at all), found or not, and exemplars.
        """
        with told():
            result, answer = self._answer(photo, names, method, k, background, context, preset, None)
            _, file = draw(answer, range(len(result.names)), OPACITY)
            return file, str(answer.folder / "labels.png"), describe(result)

    def _answer(
        self, photo, names, method, k, background, context, preset, progress, own: Own | None = None
    ) -> "tuple[Segmentation, Answer]":
        if not photo or not Path(photo).is_file():  # uploads are deleted after a while
            raise PhotoError("there is no photo", remedy="Upload one, paste one, or click an example")
        wanted = parse_names(names or "")
        if not 1 <= int(k) <= MAX_K:
            raise OptionError("k is out of range", given=k, expected=f"1 to {MAX_K}")
        others, around = (parse_names(text) if text and text.strip() else () for text in (background, context))
        pixels = read_photo(photo)
        if progress and not self.pool.loaded(preset):
            progress(None, desc="Loading the model")
        used = join(self.pool.get(preset), own, progress)
        reco = used.reco
        learning = progress and RunControl(lambda stage, *step: progress(step, desc=f"L{stage[1:]}", unit="names"))
        taught = used.taught(wanted, method, int(k), around)
        references = reco.prepare(
            wanted,
            k=int(k),
            method=method,
            background=others,
            context=around,
            taught=list(taught.values()),
            control=learning,
        )
        result = reco.segment(pixels, references, method=method)
        folder = Path(tempfile.mkdtemp(dir=self.cache))
        settings = {"preset": reco.encoder.preset.name, "method": method, "k": int(k), "context_words": around}
        label_image(result).save(folder / "labels.png")
        (folder / "result.json").write_text(json.dumps({**settings, **describe(result)}, indent=1, ensure_ascii=False))
        shown = limit_size(pixels, SHOWN_SIDE)
        labels = resize_labels(result.labels, shown.shape[:2])
        shares = tuple(result.share(i + 1) for i in range(len(result.names)))
        learnt, marked = result.timings["prepare"], sum(result.timings.values()) - result.timings["prepare"]
        note = f"Names learned in {learnt:.1f} s, photo marked in {marked:.1f} s."
        return result, Answer(
            shown, labels, references.concepts, shares, result.presence, folder, preset, used.shelf, note
        )

    def redraw(self, answer: Answer | None, drawn: list[int], opacity: float) -> tuple[str, str, str]:
        """The overlay and the legend with other concepts or opacity."""
        with told():
            kept = _kept(answer)
            return *draw(kept, drawn, opacity), kept.legend(drawn)

    def judge(self, answer: Answer | None, drawn: list[int], opacity: float, found_from: float) -> tuple:
        """Say "found" from another presence on; what this changes is drawn or no longer drawn, the rest stays."""
        with told():
            if answer is None or answer.found_from == found_from:
                return (gr.skip(),) * 5
            old, new = _kept(answer), replace(answer, found_from=found_from)
            pairs = enumerate(zip(old.found, new.found, strict=True))
            drawn = [i for i, (before, now) in pairs if (now if now != before else i in drawn)]
            return new, *show(new, drawn, opacity)

    def exemplars(self, answer: Answer | None, own: Own | None) -> tuple[gr.Column, str, Own | None, str]:
        """The gallery of what each concept was learned from. That the own photos were used keeps them longer."""
        with told():
            shown = ""
            if answer:
                pictures = partial(self._pictures, answer.preset, shelf=answer.shelf)
                shown = gallery.gallery(answer.concepts, pictures, answer.shelf.has)
            return gr.Column(visible=True), shown, own, tiles.taught(own.names if own else {})


def _kept(answer: Answer | None) -> Answer:
    if answer is None or not answer.folder.is_dir():
        raise gr.Error("This result is no longer kept. Press Segment again.", print_exception=False)
    return answer


def show(answer: Answer, drawn: list[int], opacity: float) -> tuple[str, str, gr.CheckboxGroup, str]:
    """Picture, file, what is ticked, legend."""
    return *draw(answer, drawn, opacity), gr.CheckboxGroup(answer.choices, value=drawn), answer.legend(drawn)


def draw(answer: Answer, drawn: Sequence[int], opacity: float) -> tuple[str, str]:
    """Draw some concepts, what was not found faintly: a small JPEG for the page and a PNG to download."""
    faint = [i + 1 for i in answer.faint(drawn)]
    kept = np.zeros(len(answer.concepts) + 1, np.uint8)
    for label in (*faint, *(i + 1 for i in drawn)):
        kept[label] = label
    picture = Image.fromarray(overlay(answer.photo, kept[answer.labels], len(answer.concepts), opacity, faint))
    folder = Path(tempfile.mkdtemp(dir=answer.folder))  # a new name each time, or the browser shows the old picture
    picture.save(folder / "overlay.jpg", quality=92)
    picture.save(folder / "overlay.png", compress_level=1)
    return str(folder / "overlay.jpg"), str(folder / "overlay.png")


def forget(answer: Answer | None) -> None:
    """Delete a session's files with its result."""
    if answer is not None:
        shutil.rmtree(answer.folder, ignore_errors=True)
