"""A page with nothing but the field of names, beside the bundled archive; below it, what has reached the server.

python tests/support/names_app.py --port N
"""

import signal
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
import gradio as gr

from reco_app.components.names_input.name_help import NameHelp
from reco_app.components.names_input.names_input import NamesInput
from reco_app.preset_pool import PresetPool
from reco_app.templates import stylesheet
from reco_core.archives.archive import Archive
from reco_core.errors import NamesError
from reco_core.utils.names import parse_names
from reco_core.utils.paths import find_folder

REFUSED = "please"  # a name that only the server refuses
ODD = '"bow, tie", St. Bernard; cat'


def build() -> gr.Blocks:
    pool = PresetPool(lambda name: SimpleNamespace(archive=Archive(find_folder("archives/mini"))), "mini")  # type: ignore[arg-type,return-value]
    pool.get()
    with gr.Blocks(title="Names", analytics_enabled=False) as app:
        names = NamesInput("cat, wall", name_help=NameHelp(pool))
        with gr.Row():
            run, example, teach = gr.Button("Run"), gr.Button("Example"), gr.Button("Teach")
        value, runs = gr.Textbox(label="Value", elem_id="value"), gr.Number(0, label="Runs", elem_id="runs")
        read = gr.JSON(label="Names", elem_id="read")
        gr.Examples([["horse, fence"], [ODD]], names, elem_id="examples")
        quiet: dict[str, Any] = {"queue": False, "show_progress": "hidden"}
        names.change(lambda text: text, names, value, **quiet)
        example.click(lambda: ODD, None, names, **quiet)
        teach.click(lambda: gr.update(taught=["zorbl", "red car"]), None, names, **quiet)
        gr.on([run.click, names.submit], submitted, [names, runs], [names, read, runs], **quiet)
    return app


def submitted(text: str, runs: int) -> tuple:
    try:
        names = parse_names(text)
    except NamesError as error:
        return NamesInput.refusal(str(error)), [], runs + 1
    if REFUSED in names:
        return NamesInput.refusal("Say it otherwise."), [], runs + 1
    return gr.skip(), list(names), runs + 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    app = build()
    port = int(sys.argv[sys.argv.index("--port") + 1])
    theme = gr.themes.Base(
        primary_hue="rose", neutral_hue="slate", font=["system-ui", "sans-serif"], font_mono=["monospace"]
    )
    app.launch(server_port=port, css=stylesheet(), theme=theme, quiet=True, ssr_mode=False, prevent_thread_lock=True)
    app.block_thread()
