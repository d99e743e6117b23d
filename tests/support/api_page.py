"""The examples of docs/api.md."""

import re
import subprocess
import sys
from pathlib import Path

import skimage.data
from PIL import Image
from support.server import ROOT

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HERE = "http://127.0.0.1:7860/"
BLOCKS = [match.groups() for match in BLOCK.finditer((ROOT / "docs" / "api.md").read_text())]  # language and code
RUNS = {"bash": ["bash", "-euo", "pipefail"], "python": [sys.executable], "javascript": ["node"]}
SUFFIXES = {"bash": "sh", "python": "py", "javascript": "mjs"}


def lay_out(folder: Path) -> None:
    """The photos that the examples read."""
    cat = Image.fromarray(skimage.data.chelsea())
    cat.save(folder / "cat.jpg", quality=90)
    cat.crop((60, 0, 360, 300)).save(folder / "cat2.jpg", quality=90)


def run(folder: Path, address: str, language: str, code: str) -> str:
    """An example's output; raises AssertionError if it fails."""
    file = folder / f"example.{SUFFIXES[language]}"
    file.write_text(code.replace(HERE, address).replace("python -c", f"{sys.executable} -c"))
    command = [*RUNS[language], str(file)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
