"""Starting the app: what its arguments do, and what is said when it cannot start."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from support.server import ROOT, free_port, serving

from reco_app import launch
from reco_app.context import AppContext
from reco_core.errors import OptionError
from reco_core.models.encoders import quick_precision
from reco_core.pipeline import ReCo


@pytest.fixture
def started(monkeypatch, tmp_path):
    """What `main` makes of arguments: the app's context, and what it is launched with."""
    monkeypatch.setenv("RECO_CACHE", str(tmp_path / "reco"))
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    monkeypatch.setattr(launch.signal, "signal", lambda *_: None)

    def start(*arguments: str) -> tuple[AppContext, dict]:
        contexts, options = [], {}
        blocks = SimpleNamespace(launch=lambda **given: options.update(given) or (None, "http://here/", None))
        blocks.close = lambda **how: None
        blocks._queue = SimpleNamespace(send_message=None)
        monkeypatch.setattr(launch, "build_app", lambda context: contexts.append(context) or blocks)

        def load(name: str, **how: object) -> ReCo:
            options["loaded"] = {"name": name, **how}
            raise OptionError("far enough")

        monkeypatch.setattr(ReCo, "load", load)
        assert launch.main(list(arguments)) == 2
        return contexts[0], options

    return start


@pytest.mark.parametrize("arguments", [[], ["--host", "localhost"], ["--host", "0.0.0.0"], ["--share"]])
def test_who_may_install(started, arguments):
    """Nobody, unless it is said: behind a reverse proxy every visitor comes from this machine."""
    context, options = started(*arguments)
    assert context.may_install is False
    assert options["share"] is ("--share" in arguments)
    context, _ = started(*arguments, "--may-install")
    assert context.may_install is True


def test_who_is_believed_about_addresses(started, monkeypatch):
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "")
    started()
    assert os.environ["FORWARDED_ALLOW_IPS"] == ""  # uvicorn's own answer would be: this machine
    started("--behind-proxy", "10.0.0.2")
    assert os.environ["FORWARDED_ALLOW_IPS"] == "10.0.0.2"


def test_arguments_reach_what_they_are_for(started, tmp_path):
    context, options = started()
    assert (context.presets.first, context.photos, context.device) == ("mini", tmp_path / "reco" / "photos", None)
    assert (options["server_name"], options["server_port"]) == ("127.0.0.1", 7860)
    assert (options["max_file_size"], options["state_session_capacity"]) == ("30mb", 200)
    assert options["show_error"] is False
    quick = quick_precision(None)
    assert options["loaded"] == {"name": "mini", "archive": None, "device": None, "fetch": False, "precision": quick}
    more = [
        "--preset",
        "clip",
        "--archive",
        "a",
        "--photos",
        "p",
        "--device",
        "cpu",
        "--port",
        "80",
        "--host",
        "0.0.0.0",
    ]
    context, options = started(*more)
    assert (context.presets.first, context.photos, context.device) == ("clip", Path("p"), "cpu")
    assert (options["server_name"], options["server_port"]) == ("0.0.0.0", 80)
    loaded = {"name": "clip", "archive": Path("a"), "device": "cpu", "fetch": False, "precision": None}
    assert options["loaded"] == loaded
    with pytest.raises(OptionError):
        context.presets.get("mini")
    assert options["loaded"]["archive"] is None  # it is the chosen preset's


def test_a_start_that_fails_says_why(tmp_path, caplog, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    monkeypatch.setattr(launch.signal, "signal", lambda *_: None)
    no_archive = ["--archive", str(tmp_path), "--port", str(free_port())]
    for options, message in ((["--preset", "mimi"], 'Did you mean "mini"'), (no_archive, "there is no archive here")):
        assert launch.main(options) == 2
        assert message in caplog.text
    assert "Traceback" not in caplog.text


@pytest.mark.slow
def test_a_process_that_cannot_start_ends_with_a_message():
    command = [sys.executable, "app.py", "--preset", "mimi"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "Did you mean" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_end_closes_the_app_and_deletes_uploads(monkeypatch, tmp_path):
    closed: list[dict] = []
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    presets = SimpleNamespace(get=lambda: None)
    blocks = SimpleNamespace(close=lambda **how: closed.append(how))

    def serve() -> None:
        Path(os.environ["GRADIO_TEMP_DIR"], "cup.jpg").write_bytes(b"a photo")
        assert list(tmp_path.rglob("cup.jpg"))
        sys.exit(0)  # as SIGTERM does

    blocks.block_thread = serve
    monkeypatch.setattr(launch, "make_context", lambda *_: SimpleNamespace(presets=presets, warm_ups=[]))
    monkeypatch.setattr(launch, "build_app", lambda context: blocks)
    monkeypatch.setattr(launch, "launch", lambda *_: None)
    monkeypatch.setattr(launch.signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit):
        launch.main([])
    assert closed == [{"verbose": False}] and not list(tmp_path.iterdir())
    assert os.environ["GRADIO_TEMP_DIR"] == str(tmp_path)


@pytest.mark.slow
def test_uploads_are_deleted_when_the_server_is_ended(tmp_path):
    small_app = """
        from types import SimpleNamespace
        import gradio as gr
        from reco_app import launch
        from reco_app.context import AppContext
        from reco_app.fair_queue import FairQueue

        def build(context):
            with gr.Blocks() as blocks:
                gr.Image()
            blocks._queue = FairQueue(blocks, context.clients)
            return blocks

        launch.build_app = build
        presets = SimpleNamespace(get=lambda: None)
        launch.make_context = lambda *_: AppContext(presets)
        launch.run()
    """
    command, gradio = [sys.executable, "-c", textwrap.dedent(small_app)], tmp_path / "gradio"
    with serving(command, tmp_path, {"GRADIO_TEMP_DIR": str(gradio)}) as url:
        sent = httpx.post(f"{url}gradio_api/upload", files={"files": ("cup.jpg", b"a photo")})
        (upload,) = gradio.rglob("cup.jpg")
        assert Path(*sent.json()).name == upload.name and upload.read_bytes() == b"a photo"
    assert not upload.exists()
