"""Free memory is given back to the system."""

import subprocess
import sys

from reco_app.hosting import memory
from reco_core.utils.paths import bundled_folder


def test_what_was_freed_between_what_is_kept_is_given_back():
    """Every other piece of a heap is freed: glibc alone would keep all of it."""
    code = (
        "import ctypes, threading; from reco_app.hosting import memory\n"
        "def resident(): return int(open('/proc/self/statm').read().split()[1])\n"
        "memory.SECONDS = 0.2; before = resident()\n"
        "pieces = [bytearray(100_000) for _ in range(2000)]; full = resident()\n"
        "pieces = pieces[::2]; freed = resident()\n"
        "done = memory.tidy(); threading.Event().wait(2)\n"
        "print(done, full - before, freed - before, resident() - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=bundled_folder(), capture_output=True, text=True, check=True
    )
    possible, full, freed, after = done.stdout.split()
    if possible == "True":
        assert int(freed) > 0.9 * int(full) > 20_000  # pages
        assert int(after) < 0.6 * int(full)


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: object())
    assert memory.tidy() is False
