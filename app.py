"""The app: type names, see them in your photo.   python app.py [--port 7860] [--share]

Thin: parse, call reco_core, show. Users share models and learned concepts, never results.
"""

import argparse
import ipaddress
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Callable
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
from PIL import Image

from reco_app import course, discovered, gallery
from reco_app.adapt import Adapting, AdaptTab
from reco_app.archive import ArchiveTab, Archiving
from reco_app.discover import Discovering, DiscoverTab
from reco_app.jobs import Queue
from reco_app.models import Chooser, Choosing
from reco_app.photo import PhotoInput
from reco_app.preset_pool import Pool
from reco_app.segment import MAX_K, Result, Segmenting, forget
from reco_core.adaptation.recipe import QUICK, Recipe
from reco_core.errors import RecoError
from reco_core.export import FOUND_FROM
from reco_core.methods import BACKGROUND_WORDS, CONTEXT_WORDS, METHODS
from reco_core.pipeline import ReCo, usual_method
from reco_core.presets import PRESETS, find_preset
from reco_core.segmentation import crf
from reco_core.utils.paths import cache_folder

log = logging.getLogger("reco_app")

KEEP_SECONDS = 3600  # results and files of a session that went quiet
SESSIONS = 200  # results are kept for at most this many visitors
CSS = gallery.CSS + discovered.CSS + course.CSS
METHODS_OFFERED = ("reco2_crf", "reco2", "reco", "denseclip", "reco_crf")
EXAMPLES: tuple[tuple[str, Callable[[], np.ndarray], str], ...] = (
    ("chelsea", skimage.data.chelsea, "cat, dog"),
    ("motorcycle", lambda: skimage.data.stereo_motorcycle()[0], "motorcycle"),
    ("astronaut", skimage.data.astronaut, "spacesuit"),
    ("coffee", skimage.data.coffee, "coffee cup"),
    ("rocket", skimage.data.rocket, "rocket"),
)


def write_examples(folder: Path) -> list[list[str]]:
    """scikit-image's photos as files (they come inside the package), with names to look for."""
    for name, load, _ in EXAMPLES:
        Image.fromarray(load()).save(folder / f"{name}.jpg", quality=93)
    return [[str(folder / f"{name}.jpg"), names] for name, _, names in EXAMPLES]


def _options(pool: Pool, device: str | None, may_install: bool) -> tuple:
    """The Segment tab's controls that have good values already: models, method, k, words, "found from"."""
    first, no_crf = find_preset(pool.first), crf.unavailable()
    offered = [METHODS[name] for name in METHODS_OFFERED]
    offered = [method for method in offered if not (no_crf and (method.crf or method.fast_crf))]
    chooser = Chooser(Choosing(pool, device, may_install))
    method = gr.Dropdown(
        [(f"{m.name}: {m.summary}", m.name) for m in offered],
        value=usual_method(first),
        label="Method",
        info=no_crf and f"No CRF: {no_crf}",
    )
    k = gr.Slider(1, MAX_K, first.k, step=1, label="Exemplars per name (k)")
    background = gr.Textbox(
        ", ".join(BACKGROUND_WORDS),
        label="Background words",
        info="They compete with the names and count as background",
    )
    context = gr.Textbox(
        ", ".join(CONTEXT_WORDS), label="Context words", info="Surroundings that must not be taken for the thing"
    )
    surely = gr.Slider(
        0.05, 0.95, FOUND_FROM, step=0.05, label="Say found from", info=gallery.PRESENCE, elem_id="found-from"
    )
    return chooser, method, k, background, context, surely


def build_app(
    pool: Pool,
    *,
    photos: Path | None = None,
    device: str | None = None,
    may_install: bool = False,
    recipe: Recipe = QUICK,
) -> gr.Blocks:
    """The page; it can be served before the model is ready, and the first request waits for it.

    recipe: of specialists.
    """
    with gr.Blocks(title=gallery.TITLE, analytics_enabled=False, delete_cache=(600, KEEP_SECONDS)) as app:
        gr.HTML(gallery.INTRO, elem_id="title", apply_default_css=False)
        status = gr.HTML("Loading the model …", elem_id="status", apply_default_css=False)
        answer = gr.State(time_to_live=KEEP_SECONDS, delete_callback=forget)
        with tempfile.TemporaryDirectory() as scratch, gr.Tabs() as tabs:  # Gradio copies the examples
            rows = write_examples(Path(scratch))
            with gr.Tab("Segment", id="segment"):
                with gr.Row():
                    with gr.Column(min_width=320):
                        photo = PhotoInput(
                            rows[0][0],
                            type="filepath",
                            sources=["upload", "clipboard", "webcam"],
                            label="Photo",
                            height=360,
                            elem_id="photo",
                        )
                        names = gr.Textbox(
                            rows[0][1],
                            label="Names",
                            info="What to look for, with commas between",
                            placeholder="cat, wall",
                            lines=1,
                            max_lines=1,
                            elem_id="names",
                        )
                        taught = gr.HTML(elem_id="taught", apply_default_css=False)
                        button = gr.Button("Segment", variant="primary", elem_id="segment")
                        examples = gr.Examples(
                            rows,
                            [photo, names],
                            label="Examples: one click",
                            cache_examples=False,
                            api_visibility="private",
                            elem_id="examples",
                        )
                        with gr.Accordion("Options", open=False, elem_id="options"):
                            chooser, method, k, background, context, surely = _options(pool, device, may_install)
                    with gr.Column(min_width=320):
                        result = Result()
                with gr.Column(visible=False, elem_id="evidence") as evidence:
                    gr.HTML(gallery.EVIDENCE, apply_default_css=False)
                    tiles = gr.HTML(elem_id="gallery", apply_default_css=False)
            discover_tab = DiscoverTab(Discovering(pool, result.shown.GRADIO_CACHE), KEEP_SECONDS, rows)
            tab = ArchiveTab(Archiving(pool, photos, result.shown.GRADIO_CACHE), KEEP_SECONDS)
            adapt_tab = AdaptTab(Adapting(pool, Queue(), result.shown.GRADIO_CACHE, recipe), KEEP_SECONDS)
            with gr.Tab("About", id="about"):
                gr.Markdown(gallery.ABOUT)

        do = Segmenting(pool, photos, result.shown.GRADIO_CACHE)
        settings = [photo, names, method, k, background, context, chooser.preset]
        heavy: dict[str, Any] = {
            "api_visibility": "private",
            "concurrency_id": "model",
            "show_progress_on": result.shown,
        }
        light: dict[str, Any] = {
            "api_visibility": "private",
            "concurrency_id": "light",
            "concurrency_limit": 4,
            "show_progress": "hidden",
        }
        asked = [*settings, result.opacity, tab.own, surely]
        answered = [
            answer,
            result.column,
            result.shown,
            result.files[0],
            result.toggles,
            result.legend,
            *result.files[1:],
        ]
        finished = [
            gr.on([button.click, names.submit], do.run, asked, answered, **heavy),
            examples.load_input_event.then(do.run, asked, answered, **heavy),
        ]
        for handed in discover_tab.connect(app, chooser.preset, photo, names, tabs):
            handed.success(None, js=discovered.TO_RESULT, api_visibility="private")
            finished.append(handed.success(do.run, asked, answered, **heavy))
        for event in finished:
            event.success(do.exemplars, [answer, tab.own], [evidence, tiles, tab.own, taught], **light)
        result.connect(do, answer, surely, finished, light)
        app.load(chooser.do.status, None, status, **light)
        chooser.connect(status, method, k)
        tab.connect(app, chooser.preset, taught)
        adapt_tab.connect(chooser.preset)
        replies = [gr.File(visible=False, label=name) for name in ("overlay", "labels")]
        gr.Button(visible=False).click(
            do.segment,
            settings,
            [*replies, gr.JSON(visible=False, label="description")],
            api_name="segment",
            concurrency_id="model",
        )
    return app.queue(default_concurrency_limit=1, max_size=32)


def _only_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def main(arguments: list[str] | None = None) -> int:
    """Serve the app; 2 if it cannot start."""
    parser = argparse.ArgumentParser(prog="app.py", description=gallery.TITLE)
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 to be seen by other machines")
    parser.add_argument("--port", type=int, default=7860)
    parser.add_argument("--share", action="store_true", help="a public link through Gradio's servers (needs a network)")
    parser.add_argument("--preset", default="mini", help=", ".join(PRESETS))
    parser.add_argument("--archive", type=Path, help="default: the preset's own")
    parser.add_argument(
        "--photos",
        type=Path,
        help="folder with the archive's photos, for the gallery (default: where they are fetched to)",
    )
    parser.add_argument("--device", help="cpu, cuda, ... (default: a GPU if there is one)")
    parser.add_argument("--may-install", action="store_true", help="let visitors install presets, even from outside")
    args = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    try:
        find_preset(args.preset)

        def load(name: str) -> ReCo:
            return ReCo.load(
                name, archive=args.archive if name == args.preset else None, device=args.device, fetch=False
            )

        pool = Pool(load, args.preset)
        alone = not args.share and _only_this_machine(args.host)
        app = build_app(
            pool,
            photos=args.photos or cache_folder() / "photos",
            device=args.device,
            may_install=args.may_install or alone,
        )
        theme = gr.themes.Base(
            primary_hue="rose",
            neutral_hue="slate",
            font=["system-ui", "Segoe UI", "sans-serif"],
            font_mono=["ui-monospace", "monospace"],
        )  # from no outside host
        _, local, public = app.launch(
            server_name=args.host,
            server_port=args.port,
            share=args.share,
            theme=theme,
            css=CSS,
            max_file_size="30mb",
            state_session_capacity=SESSIONS,
            ssr_mode=False,
            show_error=False,
            head=gallery.HEAD,
            footer_links=["api"],
            quiet=True,
            prevent_thread_lock=True,
        )
        log.info("open %s%s", local, f" or {public}" if public else "")
        try:
            pool.get()
        except RecoError:
            app.close()
            raise
    except (RecoError, OSError) as error:
        log.error("error: %s", error)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # an orderly end, which deletes visitors' photos
    app.block_thread()
    return 0


if __name__ == "__main__":
    sys.exit(main())
