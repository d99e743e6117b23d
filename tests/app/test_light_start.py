"""The page is there before the models, and who asks in between is answered when they are."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from reco_app.context import AppContext
from reco_app.preset_pool import PresetPool
from reco_app.segment.answering import Answering
from reco_app.segment.request import usual
from reco_core.presets import find_preset
from reco_core.utils.paths import bundled_folder

HEAVY = ("torch", "timm", "torchvision", "transformers", "open_clip", "faiss", "scipy", "bm25s", "matplotlib", "onnx")


def test_the_page_is_built_without_what_models_need(tmp_path):
    """Their imports take longer than all of the rest; who needs one of them imports it where it is used."""
    code = (
        "import sys; from pathlib import Path; from reco_app import launch; from reco_app.app import build_app\n"
        "build_app(launch.make_context(launch.parse([])))\n"
        f"print(*[name for name in {HEAVY} if name in sys.modules])"
    )
    environment = {"GRADIO_TEMP_DIR": str(tmp_path), "PATH": "", "HOME": str(tmp_path)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=bundled_folder(), env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (0, []), done.stderr


def test_gradio_writes_no_stubs_beside_components(tmp_path):
    (tmp_path / "own.py").write_text("import gradio as gr\n\n\nclass Own(gr.HTML):\n    EVENTS = ['click']\n")
    code = "import inspect; asked = inspect.getfile; import reco_app.launch, own; print(inspect.getfile is asked)"
    environment = {"PATH": "", "HOME": str(tmp_path), "PYTHONPATH": f"{tmp_path}:{bundled_folder()}"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True"]
    assert not (tmp_path / "own.pyi").exists()


def test_who_asks_while_models_are_loaded_waits_and_is_answered(reco, chelsea, tmp_path):
    may_load, said = threading.Event(), []

    def load(name: str):
        assert may_load.wait(60)
        return reco

    answering = Answering(AppContext(PresetPool(load, "mini"), cache=tmp_path))
    asked = replace(usual(find_preset("mini"), "cat"), photo=str(chelsea))

    def progress(done, desc="", **_: object) -> None:
        said.append(desc)
        if desc.startswith("Loading"):
            may_load.set()

    with ThreadPoolExecutor(1) as visitor:
        answer = visitor.submit(answering.answer, asked, None, progress)
        assert answer.result(60).found.names == ("cat",)
    assert said[0] == "Loading the model"


def test_modules_that_are_imported_late_exist():
    """A late import that is misspelt would be found out by a visitor."""
    for file in Path(bundled_folder(), "reco_app").rglob("*.py"):
        for line in file.read_text().splitlines():
            if line.startswith("        ") and line.strip().startswith("from reco_core."):
                exec(line.strip())
