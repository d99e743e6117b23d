"""Tracing in a process of its own: it takes a minute of a core, and whoever asked may have gone by then."""

import os
import pickle  # noqa: TID251 - read from the process that wrote it, by a pipe
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext, suppress
from pathlib import Path

import onnx

from reco_core.errors import OptionError
from reco_core.export.page.graph import Graph, to_onnx
from reco_core.utils.paths import bundled_folder
from reco_core.utils.run_control import RunControl

MADE = "graph.onnx"
KINDNESS = 10  # by how much others go first
LINE = 300  # letters of what is told of an error


def to_onnx_apart(module: Graph, control: RunControl) -> onnx.ModelProto:
    """As `to_onnx`, on one core, behind all others.

    Raises:
        Cancelled: `control` was cancelled. OptionError: it failed.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(bundled_folder())}
    with tempfile.TemporaryDirectory() as scratch, (Path(scratch) / "said").open("w+b") as said:
        command = [sys.executable, "-m", "reco_core.export.page.apart", scratch]
        running = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=said, stderr=said)
        try:
            with suppress(BrokenPipeError), running.stdin or nullcontext() as given:
                pickle.dump(module, given)  # type: ignore[arg-type]
            while running.poll() is None:
                control.raise_if_cancelled("making the page was stopped")
                time.sleep(0.2)
        finally:
            running.kill()
            running.wait()
        if running.returncode:
            said.seek(0)
            lines = said.read().decode(errors="replace").splitlines()
            why = next((line for line in reversed(lines) if line.strip()), "")
            raise OptionError("the page could not be made", given=why[:LINE], remedy="Please report this")
        return onnx.load(Path(scratch) / MADE)


def main(folder: Path) -> None:
    """What that process does, with what the one that began it hands over."""
    os.nice(KINDNESS)
    module = pickle.load(sys.stdin.buffer)  # noqa: S301 - from nobody else
    onnx.save(to_onnx(module), folder / MADE)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
