"""Installing from the command line asks first."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_installing_from_the_command_line_asks_first(tmp_path):
    environment = {**os.environ, "RECO_CACHE": str(tmp_path)}
    command = [sys.executable, "-m", "reco_core", "install", "clip"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "ViT-B-16.pt: 351 MB, MIT, https://openaipublic" in done.stderr
    assert "439 MB would be downloaded. Say so with --yes" in done.stderr
    listed = subprocess.run(
        [*command[:3], "presets"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert "12 MB, Apache-2.0; ready" in listed.stdout
    assert "1685 MB, MIT; needs: python -m reco_core install paper" in listed.stdout
