"""What of the environment reaches Gradio."""

import os
import subprocess
import sys

from support.server import ROOT

from reco_app.hosting.environment import take_out


def test_gradio_sees_its_temporary_folder_alone():
    environment = {"GRADIO_ALLOWED_PATHS": "/", "GRADIO_SERVER_PORT": "80", "GRADIO_TEMP_DIR": "/t", "HOME": "/root"}
    assert take_out(environment) == {"GRADIO_ALLOWED_PATHS": "/", "GRADIO_SERVER_PORT": "80"}
    assert environment == {"GRADIO_TEMP_DIR": "/t", "HOME": "/root", "GRADIO_ANALYTICS_ENABLED": "False"}


def test_a_port_that_is_none_is_said_in_a_sentence():
    done = subprocess.run(
        [sys.executable, "app.py"],
        env={**os.environ, "GRADIO_SERVER_PORT": "abc"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr and "port" in done.stderr and "abc" in done.stderr
