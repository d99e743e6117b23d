"""Starting the app: arguments, logging, launch. `python app.py` in a clone, `reco-app` where it is installed."""

import argparse
import ipaddress
import logging
import os
import signal
import sys
import threading
from pathlib import Path

# Before the imports that read them. Passive: threads that spin while they wait make torch ten times slower wherever
# another program wants the same cores.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import gradio as gr
from gradio.route_utils import delete_files_created_by_app

from reco_app.api.routes import Routes
from reco_app.api.tools import show_as_tools
from reco_app.app import TITLE, build_app
from reco_app.context import AppContext
from reco_app.events import Options
from reco_app.preset_pool import PresetPool
from reco_app.templates import stylesheet, text
from reco_core.adaptation.recipe import QUICK, Recipe
from reco_core.errors import RecoError
from reco_core.pipeline import ReCo
from reco_core.presets import PRESETS, find_preset
from reco_core.utils.paths import cache_folder

log = logging.getLogger("reco_app")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line's arguments; None: the program's own."""
    parser = argparse.ArgumentParser(description=TITLE)
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 to be seen by other machines")
    parser.add_argument("--port", type=int, default=7860)
    parser.add_argument("--share", action="store_true", help="a public link through Gradio's servers (needs a network)")
    parser.add_argument("--preset", default="mini", help=", ".join(PRESETS))
    parser.add_argument("--archive", type=Path, help="default: the preset's own")
    photos = "folder with the archive's photos, for the gallery (default: where they are fetched to)"
    parser.add_argument("--photos", type=Path, help=photos)
    parser.add_argument("--device", help="cpu, cuda, ... (default: a GPU if there is one)")
    parser.add_argument("--may-install", action="store_true", help="let visitors install presets, even from outside")
    return parser.parse_args(arguments)


def make_context(args: argparse.Namespace, recipe: Recipe = QUICK) -> AppContext:
    """What was asked for; nothing is loaded yet. recipe: of specialists.

    Raises:
        OptionError: there is no such preset.
    """
    find_preset(args.preset)

    def load(name: str) -> ReCo:
        archive = args.archive if name == args.preset else None
        return ReCo.load(name, archive=archive, device=args.device, fetch=False)

    alone = not args.share and _only_this_machine(args.host)
    pool, photos = PresetPool(load, args.preset), args.photos or cache_folder() / "photos"
    return AppContext(pool, photos, args.device, may_install=args.may_install or alone, recipe=recipe)


def launch(app: gr.Blocks, context: AppContext, args: argparse.Namespace) -> None:
    """Serve the page, in threads of its own."""
    where: Options = {"server_name": args.host, "server_port": args.port, "share": args.share}
    most_bytes, sessions = f"{context.limits.upload_bytes // 1_000_000}mb", context.limits.sessions
    bounds: Options = {"max_file_size": most_bytes, "state_session_capacity": sessions}
    font, mono = ["system-ui", "Segoe UI", "sans-serif"], ["ui-monospace", "monospace"]  # from no outside host
    theme = gr.themes.Base(primary_hue="rose", neutral_hue="slate", font=font, font_mono=mono)
    style: Options = {"theme": theme, "css": stylesheet(), "head": text("head.html"), "footer_links": ["api"]}
    programs: Options = {"mcp_server": True, "app_kwargs": {"routes": Routes(context.limits).routes}}
    quiet: Options = {"quiet": True, "show_error": False, "ssr_mode": False, "prevent_thread_lock": True}
    _, local, public = app.launch(**where, **bounds, **style, **programs, **quiet)
    show_as_tools(app)
    log.info("open %s%s", local, f" or {public}" if public else "")


def main(arguments: list[str] | None = None, recipe: Recipe = QUICK) -> int:
    """Serve the app until it is ended; 2 if it cannot start."""
    args = parse(arguments)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    try:
        context = make_context(args, recipe)
        app = build_app(context)
        launch(app, context, args)
        try:
            context.presets.get()
        except RecoError:
            app.close()
            raise
        threading.Thread(target=_warm_up, args=[context], daemon=True).start()
    except (RecoError, OSError) as error:
        log.error("error: %s", error)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # an orderly end, which deletes visitors' photos
    try:
        app.block_thread()
    finally:
        app.close(verbose=False)
        delete_files_created_by_app(app, age=None)  # Gradio does it too, unless somebody's request goes on for long
    return 0


def _warm_up(context: AppContext) -> None:
    """What the first visitor would wait for; who comes before it is done waits for the rest."""
    for do in context.warm_ups:
        try:
            do()
        except Exception:  # said to whoever asks for it
            log.exception("not ready")


def _only_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
