"""The Segment tab: what its controls call."""

import json
import shutil
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import gradio as gr
import numpy as np
from PIL import Image

from reco_app import gallery, tiles
from reco_app.joined import Shelf
from reco_app.own import Own, join
from reco_app.pictures import Pictures
from reco_app.told import told
from reco_core.errors import OptionError, PhotoError
from reco_core.methods import BACKGROUND_WORDS, CONTEXT_WORDS
from reco_core.names import parse_names
from reco_core.photos import limit_size, read_photo, resize_labels
from reco_core.pool import Pool
from reco_core.report import describe, label_image
from reco_core.structures import Concept, Segmentation
from reco_core.visualise import overlay

SHOWN_SIDE = 1600  # long side of the picture on the page
MAX_K = 50
OPACITY = 0.6


@dataclass(frozen=True)
class Answer:
    """What a session keeps to redraw without running the model: photo and labels as large as shown."""

    photo: np.ndarray
    labels: np.ndarray
    concepts: tuple[Concept, ...]
    folder: Path
    preset: str
    shelf: Shelf


class Segmenting:
    """What the page's controls call. Holds only what all users share."""

    def __init__(self, pool: Pool, photos: Path | None, cache: str) -> None:
        """photos: folder with archive photos, for the gallery. cache: folder for results."""
        self.pool, self.cache = pool, cache
        Path(cache).mkdir(parents=True, exist_ok=True)
        self._pictures = Pictures(pool, photos)

    def run(self, photo: str | None, names: str, method: str, k: int, background: str, context: str, preset: str,
            opacity: float, progress=gr.Progress(), own: Own | None = None) -> tuple:  # noqa: B008 - how Gradio finds it  # fmt: skip
        """Segment and show; the gallery follows by itself. own: the visitor's photos."""
        with told():
            result, answer = self._answer(photo, names, method, k, background, context, preset, progress, own)
            shares = [result.share(i + 1) for i in range(len(result.names))]
            there = [gallery.found(p, s) for p, s in zip(result.presence, shares, strict=True)]
            drawn = [i for i, is_there in enumerate(there) if is_there]
            choices = [(name if there[i] else f"{name} (not found)", i) for i, name in enumerate(result.names)]
            learnt, marked = result.timings["prepare"], sum(result.timings.values()) - result.timings["prepare"]
            spent = f"Names learned in {learnt:.1f} s, photo marked in {marked:.1f} s."
            hint = "" if all(there) else " What was not found is not drawn; tick it under Show to see it anyway."
            legend = gallery.legend(answer.concepts, shares, result.presence)
            legend += f"<p class='reco-note'>{spent}{hint}</p>"
            picture, file = draw(answer, drawn, opacity)
            return (answer, gr.Column(visible=True), picture, file, gr.CheckboxGroup(choices, value=drawn), legend,
                    str(answer.folder / "labels.png"), str(answer.folder / "result.json"))  # fmt: skip

    def segment(self, photo: str | None, names: str, method: str = "reco2", k: int = 20,
                background: str = ", ".join(BACKGROUND_WORDS), context: str = ", ".join(CONTEXT_WORDS),
                preset: str = "") -> tuple[str, str, dict]:  # fmt: skip
        """Mark named things in a photo.

        Args:
            photo: a JPEG, PNG, WebP, BMP, GIF or TIFF file of at most 50 megapixels.
            names: what to look for, with commas between the names, such as "cat, wall".
            method: reco2 (ours), reco (the paper's), denseclip (the baseline) or reco_crf.
            k: how many archive photos each name is learned from, 1 to 50.
            background: words that compete as background, with commas.
            context: words that are kept out of what a name is learned from, with commas.
            preset: which models: mini, or another one that this server has; "" for its first.

        Returns:
            overlay: PNG of the photo with every mask, long side at most 1600. labels: PNG as large as
            the photo; its pixel values are 0 for background and i for the i-th name. description: per
            name its colour, share of the photo, presence (0 to 1, is it there at all) and exemplars.
        """
        with told():
            result, answer = self._answer(photo, names, method, k, background, context, preset, None)
            _, file = draw(answer, list(range(len(result.names))), OPACITY)
            return file, str(answer.folder / "labels.png"), describe(result)

    def _answer(self, photo, names, method, k, background, context, preset, progress,
                own: Own | None = None) -> "tuple[Segmentation, Answer]":  # fmt: skip
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
        learning = progress and (lambda done, of, name: progress((done, of), desc=f"Learning {name}", unit="names"))
        taught = used.taught(wanted, method, int(k), around)
        references = reco.prepare(wanted, k=int(k), method=method, background=others, context=around,
                                  taught=list(taught.values()), progress=learning)  # fmt: skip
        result = reco.segment(pixels, references, method=method)
        folder = Path(tempfile.mkdtemp(dir=self.cache))
        settings = {"preset": reco.encoder.preset.name, "method": method, "k": int(k), "context_words": around}
        label_image(result).save(folder / "labels.png")
        (folder / "result.json").write_text(json.dumps({**settings, **describe(result)}, indent=1, ensure_ascii=False))
        shown = limit_size(pixels, SHOWN_SIDE)
        labels = resize_labels(result.labels, shown.shape[:2])
        return result, Answer(shown, labels, references.concepts, folder, preset, used.shelf)

    def redraw(self, answer: Answer | None, chosen: list[int], opacity: float) -> tuple[str, str]:
        """The overlay with other concepts or opacity."""
        with told():
            if answer is None or not answer.folder.is_dir():
                raise gr.Error("This result is no longer kept. Press Segment again.", print_exception=False)
            return draw(answer, chosen, opacity)

    def exemplars(self, answer: Answer | None, own: Own | None) -> tuple[gr.Column, str, Own | None, str]:
        """The gallery of what each concept was learned from. That the own photos were used keeps them longer."""
        with told():
            shown = ""
            if answer:
                pictures = partial(self._pictures, answer.preset, shelf=answer.shelf)
                shown = gallery.gallery(answer.concepts, pictures, answer.shelf.has)
            return gr.Column(visible=True), shown, own, tiles.taught(own.names if own else {})


def draw(answer: Answer, chosen: list[int], opacity: float) -> tuple[str, str]:
    """Draw some concepts: a small JPEG for the page and a PNG to download."""
    kept = np.zeros(len(answer.concepts) + 1, np.uint8)
    kept[[i + 1 for i in chosen]] = [i + 1 for i in chosen]
    picture = Image.fromarray(overlay(answer.photo, kept[answer.labels], len(answer.concepts), opacity))
    folder = Path(tempfile.mkdtemp(dir=answer.folder))  # a new name each time, or the browser shows the old picture
    picture.save(folder / "overlay.jpg", quality=92)
    picture.save(folder / "overlay.png", compress_level=1)
    return str(folder / "overlay.jpg"), str(folder / "overlay.png")


def forget(answer: Answer | None) -> None:
    """Delete a session's files with its result."""
    if answer is not None:
        shutil.rmtree(answer.folder, ignore_errors=True)
