"""Run examples/quickstart.ipynb from top to bottom and keep what it shows: python tools/record_notebook.py

What cells write to their error streams is left out; it may have paths of the machine.
"""

from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).resolve().parent.parent / "examples" / "quickstart.ipynb"


def run(notebook: Path) -> nbformat.NotebookNode:
    """With its outputs, run where it lies. Raises CellExecutionError: a cell failed."""
    ran = nbformat.read(notebook, as_version=4)
    NotebookClient(ran, timeout=300, resources={"metadata": {"path": str(notebook.parent)}}).execute()
    for cell in ran.cells:
        cell.metadata.clear()
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    return ran


if __name__ == "__main__":
    nbformat.write(run(NOTEBOOK), NOTEBOOK)
