"""The viewer alone on a page, with made-up labels over a photo: no model is asked.

python tests/support/viewer_app.py --port N
"""

import argparse
import signal
import sys
from pathlib import Path

import gradio as gr
import numpy as np
import skimage.data
from PIL import Image

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]
from reco_app.components.viewer import View, Viewer, done, empty, failed, heat, layer, named, taught
from reco_app.hosting.guard import Policy
from reco_app.hosting.server import guarding
from reco_app.templates import stylesheet, text
from reco_core.errors import RecoError

EVIL = "<img src=x onerror=alert(1)>"
LINK = "/?names=cup,spoon&example=coffee"
WIDE = "<style>.gradio-container { width: 100% }</style>"


def scene(long_side: int = 600) -> tuple[np.ndarray, np.ndarray]:
    """A cup on a table, and what is where: 1 the cup, 2 the spoon, 3 the table, 4 a shadow."""
    photo = Image.fromarray(skimage.data.coffee())
    photo = photo.resize((long_side, long_side * 2 // 3))
    y, x = np.mgrid[0:400, 0:600]
    labels = np.full((400, 600), 3, np.uint8)
    labels[(np.hypot(y - 195, x - 312) < 165) | (np.hypot(y - 190, (x - 490) / 1.4) < 45)] = 1
    labels[np.hypot((y - 300) + 0.62 * (x - 170), (x - 170) / 2) < 40] = 2
    labels[350:, 420:] = 4
    labels[:40] = 0
    return np.asarray(photo), np.asarray(Image.fromarray(labels).resize(photo.size, Image.Resampling.NEAREST))


def result(long_side: int = 600, compared: bool = False, decided: str = "") -> View:
    photo, labels = scene(long_side)
    names = ["cup", "spoon", "table", "shadow", EVIL, "zebra", *(f"thing {i}" for i in range(40))]
    answers = ["found", "found", "found", "maybe", "absent", "maybe"] + ["absent"] * 40
    shares = [(labels == i + 1).mean() for i in range(len(names))]
    presence = [0.98, 0.71, 0.94, 0.31, 0.02, 0.64] + [0.04] * 40
    remarks = ["", "", "", "", "This is no word that the model knows.", "Sure to be there, but nothing fits best."]
    layers = [layer("ReCo", labels)]
    if compared:
        layers.append(layer("Words alone", np.roll(np.where(labels == 2, 5, labels).astype(np.uint8), 90, 1)))
    y, x = np.mgrid[0:40, 0:60]
    titles = ("Similarity", "Language", "Together") if decided else ()
    maps = [heat(decided, title, -np.hypot(y - 20, x - 25 - 5 * i)) for i, title in enumerate(titles)]
    rows = named(names, answers, shares, presence, remarks + [""] * 40)
    return done(photo, layers, rows, file="coffee.jpg", maps=maps, link=LINK)


def twelve() -> View:
    """A photo as large as the viewer shows, with twelve names."""
    photo = np.asarray(Image.fromarray(skimage.data.coffee()).resize((1600, 1067)))
    y, x = np.mgrid[0:1067, 0:1600]
    labels = (1 + (x * 4 // 1600 + 4 * (y * 3 // 1067) + (np.sin(x / 37) + np.cos(y / 29) > 1)) % 12).astype(np.uint8)
    names = [f"name {i}" for i in range(1, 13)]
    return done(
        photo, [layer("ReCo", labels)], named(names, ["found"] * 12, [1 / 12] * 12, [0.9] * 12), file="twelve.jpg"
    )


def teach(data: gr.EventData) -> View:
    try:
        name, files = taught(data)
    except RecoError as error:
        return failed(str(error))
    return result() | {"message": f"Learned {name} from {len(files)} photos."}  # type: ignore


def build() -> gr.Blocks:
    with gr.Blocks(title="Viewer", analytics_enabled=False) as blocks:
        viewer = Viewer(empty(message="Choose a photo and type names"))
        quiet = {"outputs": viewer, "show_progress": "hidden"}
        with gr.Row():
            gr.Button("Photo", elem_id="photo-only").click(lambda: empty(scene()[0]), **quiet)
            gr.Button("Run", elem_id="run").click(run, js=viewer.tell("running", "Looking …"), **quiet)
            gr.Button("Fail", elem_id="fail").click(lambda: failed("The photo is damaged."), **quiet)
            gr.Button("Twelve", elem_id="twelve").click(twelve, **quiet)
            gr.Button("Dim", elem_id="dim").click(None, js=viewer.tell("running", "Looking …"))
            gr.Button("Back", elem_id="back").click(None, js=viewer.tell(None))
        viewer.compare(lambda: result(compared=True), **quiet)
        viewer.decided(decide, **quiet)
        viewer.teach(teach, **quiet)
    return blocks


def run() -> View:
    return result()


def decide(data: gr.EventData) -> View:
    return result(decided=data.name)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)
    theme = gr.themes.Base(primary_hue="rose", neutral_hue="slate", font=["system-ui", "Segoe UI", "sans-serif"])
    look = {"theme": theme, "css": stylesheet(), "head": text("head.html") + WIDE}
    app = build()
    app.launch(
        server_name="127.0.0.1",
        server_port=parser.parse_args().port,
        prevent_thread_lock=True,
        quiet=True,
        ssr_mode=False,
        app_kwargs={"lifespan": guarding(Policy())},
        **look,
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    app.block_thread()
    return 0


if __name__ == "__main__":
    sys.exit(main())
