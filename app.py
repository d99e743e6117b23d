"""The app: type names, see them in your photo.   python app.py [--port 7860] [--share]

Thin: parse, call reco_core, show. Users share models and learned concepts, never results.
"""

import argparse
import json
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

# Before the imports that read them. Passive: threads that spin while they wait make torch ten times slower wherever
# another program wants the same cores.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import gradio as gr
import numpy as np
import skimage.data
import torch
from PIL import Image

from reco_core import crf, gallery
from reco_core.errors import OptionError, PhotoError, RecoError
from reco_core.methods import BACKGROUND_WORDS, CONTEXT_WORDS, METHODS
from reco_core.names import parse_names
from reco_core.photos import limit_size, read_photo, resize_labels
from reco_core.pipeline import ReCo
from reco_core.presets import PRESETS, find_preset
from reco_core.report import describe, label_image
from reco_core.structures import Concept, Exemplar, Segmentation
from reco_core.visualise import feature_picture, overlay

log = logging.getLogger("reco_app")

SHOWN_SIDE = 1600  # long side of the picture on the page
MAX_K = 50
OPACITY = 0.6
KEEP_SECONDS = 3600  # results and files of a session that went quiet
SESSIONS = 200  # results are kept for at most this many visitors
METHODS_OFFERED = ("reco2", "reco", "denseclip", "reco_crf")
EXAMPLES: tuple[tuple[str, Callable[[], np.ndarray], str], ...] = (
    ("chelsea", skimage.data.chelsea, "cat, dog"),
    ("motorcycle", lambda: skimage.data.stereo_motorcycle()[0], "motorcycle"),
    ("astronaut", skimage.data.astronaut, "spacesuit"),
    ("coffee", skimage.data.coffee, "coffee cup"),
    ("rocket", skimage.data.rocket, "rocket"),
)


@dataclass(frozen=True)
class Answer:
    """What a session keeps to redraw without running the model: photo and labels as large as shown."""

    photo: np.ndarray
    labels: np.ndarray
    concepts: tuple[Concept, ...]
    folder: Path


@contextmanager
def told() -> Iterator[None]:
    """Errors that a user can mend are shown to them; all others are logged and only mentioned."""
    try:
        yield
    except gr.Error:
        raise
    except RecoError as error:
        text = str(error)
        if "." not in text.split(maxsplit=1)[0]:  # a file's name stays as it is
            text = text[0].upper() + text[1:]
        raise gr.Error(escape(text, quote=False), title="Please check", print_exception=False) from error
    except Exception as error:
        log.exception("unexpected error")
        raise gr.Error("Something went wrong here; it has been logged. Please try again.", title="Sorry",
                       print_exception=False) from error  # fmt: skip


class Handlers:
    """What the page's controls call. Holds only what all users share."""

    def __init__(self, ready: "Future[ReCo]", photos: Path | None, cache: str) -> None:
        self.ready, self.photos, self.cache = ready, photos, cache
        Path(cache).mkdir(parents=True, exist_ok=True)
        self.stand_in = lru_cache(4096)(self._stand_in)

    def run(self, photo: str | None, names: str, method: str, k: int, background: str, context: str, opacity: float,
            progress=gr.Progress()) -> tuple:  # noqa: B008 - how Gradio finds it  # fmt: skip
        """Segment and show; the gallery follows by itself."""
        with told():
            result, answer = self._answer(photo, names, method, k, background, context, progress)
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
                ) -> tuple[str, str, dict]:  # fmt: skip
        """Mark named things in a photo.

        Args:
            photo: a JPEG, PNG, WebP, BMP, GIF or TIFF file of at most 50 megapixels.
            names: what to look for, with commas between the names, such as "cat, wall".
            method: reco2 (ours), reco (the paper's), denseclip (the baseline) or reco_crf.
            k: how many archive photos each name is learned from, 1 to 50.
            background: words that compete as background, with commas.
            context: words that are kept out of what a name is learned from, with commas.

        Returns:
            overlay: PNG of the photo with every mask, long side at most 1600. labels: PNG as large as
            the photo; its pixel values are 0 for background and i for the i-th name. description: per
            name its colour, share of the photo, presence (0 to 1, is it there at all) and exemplars.
        """
        with told():
            result, answer = self._answer(photo, names, method, k, background, context, None)
            _, file = draw(answer, list(range(len(result.names))), OPACITY)
            return file, str(answer.folder / "labels.png"), describe(result)

    def _answer(self, photo, names, method, k, background, context, progress) -> "tuple[Segmentation, Answer]":
        if not photo or not Path(photo).is_file():  # uploads are deleted after a while
            raise PhotoError("there is no photo", remedy="Upload one, paste one, or click an example")
        wanted = parse_names(names or "")
        if not 1 <= int(k) <= MAX_K:
            raise OptionError("k is out of range", given=k, expected=f"1 to {MAX_K}")
        others, around = (parse_names(text) if text and text.strip() else () for text in (background, context))
        pixels = read_photo(photo)
        if progress and not self.ready.done():
            progress(None, desc="Loading the model")
        reco = self.ready.result()
        learning = progress and (lambda done, of, name: progress((done, of), desc=f"Learning {name}", unit="names"))
        references = reco.prepare(wanted, k=int(k), method=method, background=others, context=around, progress=learning)
        result = reco.segment(pixels, references, method=method)
        folder = Path(tempfile.mkdtemp(dir=self.cache))
        settings = {"preset": reco.encoder.preset.name, "method": method, "k": int(k), "context_words": around}
        label_image(result).save(folder / "labels.png")
        (folder / "result.json").write_text(json.dumps({**settings, **describe(result)}, indent=1, ensure_ascii=False))
        shown = limit_size(pixels, SHOWN_SIDE)
        return result, Answer(shown, resize_labels(result.labels, shown.shape[:2]), references.concepts, folder)

    def redraw(self, answer: Answer | None, chosen: list[int], opacity: float) -> tuple[str, str]:
        """The overlay with other concepts or opacity."""
        with told():
            if answer is None or not answer.folder.is_dir():
                raise gr.Error("This result is no longer kept. Press Segment again.", print_exception=False)
            return draw(answer, chosen, opacity)

    def exemplars(self, answer: Answer | None) -> tuple[gr.Column, str]:
        """The gallery of what each concept was learned from."""
        with told():
            return gr.Column(visible=True), gallery.gallery(answer.concepts if answer else (), self._pictures)

    def _pictures(self, exemplar: Exemplar) -> tuple[str, str]:
        photo = self._local(exemplar.record.file) or gallery.web_url(exemplar.record.source_url)
        return photo, self.stand_in(exemplar.row)

    def _local(self, file: str) -> str:
        if self.photos is None or not (path := (self.photos / file).resolve()).is_relative_to(self.photos.resolve()):
            return ""
        try:
            return gallery.data_url(read_photo(path)) if path.is_file() else ""
        except PhotoError as error:
            log.warning("exemplar not shown: %s", error)
            return ""

    def _stand_in(self, row: int) -> str:
        archive = self.ready.result().archive
        picture = feature_picture(archive.features(np.array([row]))[0], archive.grid)
        return gallery.data_url(gallery.soften(picture), side=84)

    def status(self) -> str:
        """What is running, once it runs."""
        with told():
            reco = self.ready.result()
            return (f"Preset {escape(reco.encoder.preset.name)} · {escape(str(reco.encoder.device))} · "
                    f"{len(reco.archive):,} photos in the archive · {torch.get_num_threads()} threads")  # fmt: skip


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


def write_examples(folder: Path) -> list[list[str]]:
    """scikit-image's photos as files (they come inside the package), with names to look for."""
    for name, load, _ in EXAMPLES:
        Image.fromarray(load()).save(folder / f"{name}.jpg", quality=93)
    return [[str(folder / f"{name}.jpg"), names] for name, _, names in EXAMPLES]


def build_app(ready: "Future[ReCo]", *, photos: Path | None = None, default_k: int = 20) -> gr.Blocks:
    """The page; it can be served before the model is ready, and the first request waits for it."""
    no_crf = crf.unavailable()
    offered = [METHODS[name] for name in METHODS_OFFERED if not (METHODS[name].crf and no_crf)]
    with gr.Blocks(title=gallery.TITLE, analytics_enabled=False, delete_cache=(600, KEEP_SECONDS)) as app:
        gr.HTML(gallery.INTRO, elem_id="title", apply_default_css=False)
        status = gr.HTML("Loading the model …", elem_id="status", apply_default_css=False)
        answer = gr.State(time_to_live=KEEP_SECONDS, delete_callback=forget)
        with tempfile.TemporaryDirectory() as scratch, gr.Tab("Segment"):  # Gradio copies the examples
            rows = write_examples(Path(scratch))
            with gr.Row():
                with gr.Column(min_width=320):
                    photo = gr.Image(rows[0][0], type="filepath", sources=["upload", "clipboard", "webcam"],
                                     label="Photo", height=360, elem_id="photo")  # fmt: skip
                    # The uploaded file untouched: read_photo checks sizes before decoding, knows EXIF and 16 bits.
                    photo.preprocess = lambda file: file.path if file else None  # type: ignore
                    names = gr.Textbox(rows[0][1], label="Names", info="What to look for, with commas between",
                                       placeholder="cat, wall", lines=1, max_lines=1, elem_id="names")  # fmt: skip
                    button = gr.Button("Segment", variant="primary", elem_id="segment")
                    examples = gr.Examples(rows, [photo, names], label="Examples: one click", cache_examples=False,
                                           api_visibility="private", elem_id="examples")  # fmt: skip
                    with gr.Accordion("Options", open=False):
                        method = gr.Dropdown([(f"{m.name}: {m.summary}", m.name) for m in offered], value="reco2",
                                             label="Method", info=no_crf and f"No CRF: {no_crf}")  # fmt: skip
                        k = gr.Slider(1, MAX_K, default_k, step=1, label="Exemplars per name (k)")
                        background = gr.Textbox(", ".join(BACKGROUND_WORDS), label="Background words",
                                                info="They compete with the names and count as background")  # fmt: skip
                        context = gr.Textbox(", ".join(CONTEXT_WORDS), label="Context words",
                                             info="Surroundings that must not be taken for the thing")  # fmt: skip
                with gr.Column(min_width=320):
                    shown = gr.Image(label="Result", interactive=False, height=360, buttons=["fullscreen"],
                                     elem_id="overlay")  # fmt: skip
                    with gr.Column(visible=False, elem_id="results") as results:
                        toggles = gr.CheckboxGroup(label="Show", elem_id="toggles")
                        legend = gr.HTML(elem_id="legend", apply_default_css=False)
                        opacity = gr.Slider(0, 1, OPACITY, step=0.05, label="Opacity", elem_id="opacity")
                        with gr.Row():
                            files = [gr.DownloadButton(label, size="sm", min_width=90, elem_classes="download")
                                     for label in ("Overlay PNG", "Labels PNG", "JSON")]  # fmt: skip
            with gr.Column(visible=False, elem_id="evidence") as evidence:
                gr.HTML(gallery.EVIDENCE, apply_default_css=False)
                tiles = gr.HTML(elem_id="gallery", apply_default_css=False)
        with gr.Tab("About"):
            gr.Markdown(gallery.ABOUT)

        do = Handlers(ready, photos, shown.GRADIO_CACHE)
        settings = [photo, names, method, k, background, context]
        heavy: dict[str, Any] = {"api_visibility": "private", "concurrency_id": "model", "show_progress_on": shown}
        light: dict[str, Any] = {"api_visibility": "private", "concurrency_id": "light", "concurrency_limit": 4,
                                 "show_progress": "hidden"}  # fmt: skip
        answered = [answer, results, shown, files[0], toggles, legend, files[1], files[2]]
        for event in (gr.on([button.click, names.submit], do.run, [*settings, opacity], answered, **heavy),
                      examples.load_input_event.then(do.run, [*settings, opacity], answered, **heavy)):  # fmt: skip
            event.success(do.exemplars, answer, [evidence, tiles], **light)
        for change in (toggles.input, opacity.release):
            change(do.redraw, [answer, toggles, opacity], [shown, files[0]], trigger_mode="always_last", **light)
        app.load(do.status, None, status, **light)
        replies = [gr.File(visible=False, label=name) for name in ("overlay", "labels")]
        gr.Button(visible=False).click(do.segment, settings, [*replies, gr.JSON(visible=False, label="description")],
                                       api_name="segment", concurrency_id="model")  # fmt: skip
    return app.queue(default_concurrency_limit=1, max_size=32)


def main(arguments: list[str] | None = None) -> int:
    """Serve the app; 2 if it cannot start."""
    parser = argparse.ArgumentParser(prog="app.py", description=gallery.TITLE)
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 to be seen by other machines")
    parser.add_argument("--port", type=int, default=7860)
    parser.add_argument("--share", action="store_true", help="a public link through Gradio's servers (needs a network)")
    parser.add_argument("--preset", default="mini", help=", ".join(PRESETS))
    parser.add_argument("--archive", type=Path, help="default: the preset's own")
    parser.add_argument("--photos", type=Path, help="folder with the archive's photos, for the gallery")
    parser.add_argument("--device", help="cpu, cuda, ... (default: a GPU if there is one)")
    args = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    try:
        preset = find_preset(args.preset)
        ready = ThreadPoolExecutor(1).submit(ReCo.load, args.preset, archive=args.archive, device=args.device)
        app = build_app(ready, photos=args.photos, default_k=preset.k)
        theme = gr.themes.Base(primary_hue="rose", neutral_hue="slate", font=["system-ui", "Segoe UI", "sans-serif"],
                               font_mono=["ui-monospace", "monospace"])  # from no outside host  # fmt: skip
        _, local, public = app.launch(
            server_name=args.host, server_port=args.port, share=args.share, theme=theme, css=gallery.CSS,
            max_file_size="30mb", state_session_capacity=SESSIONS, ssr_mode=False, show_error=False,
            head=gallery.HEAD, footer_links=["api"], quiet=True, prevent_thread_lock=True,
        )  # fmt: skip
        log.info("open %s%s", local, f" or {public}" if public else "")
        try:
            ready.result()
        except RecoError:
            app.close()
            raise
    except (RecoError, OSError) as error:
        log.error("error: %s", error)
        return 2
    app.block_thread()
    return 0


if __name__ == "__main__":
    sys.exit(main())
