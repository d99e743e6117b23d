"""The app as a process of its own, as visitors meet it."""

import os
import socket
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2) as reply:
            return reply.status == 200
    except OSError:
        return False


def raised(log: str) -> list[str]:
    """The errors whose tracebacks are in a log. Gradio's are refusals that a visitor is told of."""
    tracebacks = log.split("Traceback (most recent call last):\n")[1:]
    return [next(line for line in traceback.splitlines() if not line.startswith(" ")) for traceback in tracebacks]


@contextmanager
def serving(
    command: list[str], folder: Path, environment: dict[str, str] | None = None, cwd: Path = ROOT
) -> Iterator[str]:
    """Runs a server in a folder (cwd), whose address it gives; all that is temporary lies in `folder`.

    Afterwards it must have ended in good order: nothing unexpected in its log, nothing of its visitors left.
    """
    port, log = free_port(), folder / "log.txt"
    environment = {**os.environ, **(environment or {}), "TMPDIR": str(folder)}
    with log.open("w") as out:
        server = subprocess.Popen([*command, "--port", str(port)], cwd=cwd, stdout=out, stderr=out, env=environment)
    url, pause = f"http://127.0.0.1:{port}/", threading.Event()
    try:
        for _ in range(300):
            if server.poll() is not None or answers(url):
                break
            pause.wait(0.2)
        assert server.poll() is None, log.read_text()
        yield url
    finally:
        server.terminate()
        code = server.wait(60)
    assert code == 0, log.read_text()
    assert "unexpected error" not in log.read_text()
    assert [error for error in raised(log.read_text()) if not error.startswith("gradio.exceptions.")] == []
    assert not list(folder.glob("**/reco-app-*"))
