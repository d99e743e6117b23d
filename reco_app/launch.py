"""Starting the app: arguments, logging, launch. `python app.py` in a clone, `reco-app` where it is installed."""

from __future__ import annotations

import argparse
import io
import logging
import os
import signal
import sys
import threading
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, NoReturn

from reco_app.hosting.environment import take_out
from reco_app.hosting.stubs import import_gradio_without_stubs

# Before the imports that read them. Passive: threads that spin while they wait make torch ten times slower wherever
# another program wants the same cores.
GIVEN = take_out(os.environ)
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
import_gradio_without_stubs()

import gradio as gr
from gradio.tunneling import CURRENT_TUNNELS

from reco_app.api.routes import Routes
from reco_app.api.tools import show_as_tools
from reco_app.app import build_app
from reco_app.context import AppContext
from reco_app.door import at_the_door
from reco_app.events import Options
from reco_app.hosting import logs, memory
from reco_app.hosting.arguments import parse
from reco_app.hosting.metrics import Metrics
from reco_app.hosting.server import served
from reco_app.limits import Limits
from reco_app.preset_pool import PresetPool
from reco_app.templates import stylesheet, text
from reco_app.temporary import TemporaryFiles, temporary_files
from reco_core.adaptation.recipe import QUICK, Recipe
from reco_core.errors import RecoError
from reco_core.presets import find_preset
from reco_core.utils.paths import cache_folder

if TYPE_CHECKING:
    from reco_core.pipeline import ReCo

log = logging.getLogger("reco_app")


def make_context(args: argparse.Namespace, recipe: Recipe = QUICK) -> AppContext:
    """What was asked for; nothing is loaded yet. recipe: of specialists.

    Raises:
        OptionError: there is no such preset.
    """
    find_preset(args.preset)

    def load(name: str) -> ReCo:
        from reco_core.models.encoders import quick_precision
        from reco_core.pipeline import ReCo

        precision = quick_precision(args.device) if name == "mini" else None
        archive = args.archive if name == args.preset else None
        return ReCo.load(name, archive=archive, device=args.device, fetch=False, precision=precision)

    pool, photos = PresetPool(load, args.preset), args.photos or cache_folder() / "photos"
    return AppContext(pool, photos, args.device, may_install=args.may_install, recipe=recipe)


def launch(app: gr.Blocks, context: AppContext, args: argparse.Namespace) -> None:
    """Serve the page, in threads of its own."""
    metrics = Metrics()
    log.addHandler(metrics)
    metrics.watch(app)
    routes = Routes(context.limits).routes
    where = served(context, metrics, args, routes=routes, middleware=[at_the_door(app, context)])
    most_bytes, sessions = f"{context.limits.upload_bytes // 1_000_000}mb", context.limits.sessions
    bounds: Options = {"max_file_size": most_bytes, "state_session_capacity": sessions}
    font, mono = ["system-ui", "Segoe UI", "sans-serif"], ["ui-monospace", "monospace"]  # from no outside host
    theme = gr.themes.Base(primary_hue="rose", neutral_hue="slate", font=font, font_mono=mono)
    style: Options = {"theme": theme, "css": stylesheet(), "head": text("head.html"), "footer_links": ["api"]}
    quiet: Options = {"quiet": True, "show_error": False, "ssr_mode": False, "prevent_thread_lock": True}
    with redirect_stdout(io.StringIO()):  # what Gradio says there is no line of the log
        _, local, public = app.launch(**where, **bounds, **style, **quiet, mcp_server=True)
    show_as_tools(app)
    logs.take_over()
    log.info("open %s%s", local, f" or {public}" if public else "")


def main(arguments: list[str] | None = None, recipe: Recipe = QUICK) -> int:
    """Serve the app until it is ended; 2 if it cannot start."""
    try:
        args = parse(arguments, {**GIVEN, **os.environ})
        logs.configure(args.log == "json")
        # uvicorn reads it, and would else believe whoever comes from this machine.
        os.environ["FORWARDED_ALLOW_IPS"] = args.behind_proxy or os.environ.get("FORWARDED_ALLOW_IPS", "")
        for ending in (signal.SIGTERM, signal.SIGINT):
            signal.signal(ending, _end)
        with temporary_files(Limits().keep_seconds) as files:
            _serve(args, recipe, files)
    except (RecoError, OSError) as error:
        log.error("error: %s", error)
        return 2
    return 0


def run(arguments: list[str] | None = None, recipe: Recipe = QUICK) -> NoReturn:
    """The program: `main`, then an end without Python's own, in which models that are still at work would abort it."""
    code = 1
    try:
        code = main(arguments, recipe)
    except SystemExit as end:  # SIGTERM, or an argument that argparse does not take
        code = end.code if isinstance(end.code, int) else 0
    except BaseException:
        log.exception("unexpected error")
    for tunnel in CURRENT_TUNNELS:
        tunnel.kill()
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


def _serve(args: argparse.Namespace, recipe: Recipe, files: TemporaryFiles) -> None:
    """Serve until somebody ends it; raises what keeps it from starting."""
    memory.tidy()
    context = make_context(args, recipe)
    app = build_app(context)
    files.settle()
    try:
        launch(app, context, args)
        context.presets.get()
        logs.note("ready", preset=args.preset)
        threading.Thread(target=_warm_up, args=[context], daemon=True).start()
        app.block_thread()
    finally:
        app.close(verbose=False)


def _end(*_: object) -> None:
    """An orderly end, which deletes what visitors brought; once is enough."""
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, signal.SIG_IGN)
    sys.exit(0)


def _warm_up(context: AppContext) -> None:
    """What the first visitor would wait for; who comes before it is done waits for the rest."""
    for do in context.warm_ups:
        try:
            do()
        except Exception:  # said to whoever asks for it
            log.exception("not ready")
