"""A stand-in for the package `spaces`: where GPUs are lent (SPACES_ZERO_GPU), calls run in another process."""

from pathlib import Path

GPU = """
import multiprocessing, os

lent = []

def gradio_auto_wrap(work):
    return work

def GPU(work, duration=60):
    if os.environ.get("SPACES_ZERO_GPU") != "true":
        return work
    def call(*args, **kwargs):
        with multiprocessing.get_context("fork").Pool(1, _set, [work]) as pool:
            lent.append(duration)
            return pool.apply(_run, args, kwargs)
    return call

def _set(work):
    global _work
    _work = work

def _run(*args, **kwargs):
    return _work(*args, **kwargs)
"""


def fake_spaces(folder: Path) -> Path:
    """A folder for the Python path in which the package lies."""
    (folder / "spaces").mkdir()
    (folder / "spaces" / "__init__.py").write_text(GPU)
    (folder / "spaces" / "reloading.py").write_text("def start_reload_server(**how):\n    pass\n")
    about = folder / "spaces-0.51.3.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: spaces\nVersion: 0.51.3\n")
    return folder
