"""examples/quickstart.ipynb: what stands in it, and that it still runs."""

import sys
import time
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "examples" / "quickstart.ipynb"


def printed(notebook: nbformat.NotebookNode) -> str:
    return "".join(out.text for cell in notebook.cells for out in cell.get("outputs", []) if "text" in out)


def pictures(notebook: nbformat.NotebookNode) -> int:
    kinds = [kind for cell in notebook.cells for out in cell.get("outputs", []) for kind in out.get("data", {})]
    return kinds.count("image/jpeg")


def test_it_was_run_and_is_small():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1)), "from top to bottom"
    assert NOTEBOOK.stat().st_size < 1_000_000
    assert pictures(notebook) == 4
    assert not any(text in NOTEBOOK.read_text() for text in ("/tmp/", "/home/", "/root/", "stderr"))


@pytest.mark.slow
def test_it_runs_in_two_minutes_and_says_what_it_said():
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        from record_notebook import run
    finally:
        sys.path.pop(0)
    started = time.monotonic()
    ran = run(NOTEBOOK)
    assert time.monotonic() - started < 120
    kept = nbformat.read(NOTEBOOK, as_version=4)
    assert printed(ran) == printed(kept)
    assert pictures(ran) == pictures(kept)
