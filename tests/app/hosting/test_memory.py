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


def test_what_is_freed_serves_the_next_photo():
    """Arrays as large as a network's, again and again: the system need not give (and clear) their memory each time."""
    code = (
        "import resource, numpy as np; from reco_app.hosting import memory\n"
        "def faults(): return resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "done = memory.tidy(); memory.SECONDS = 60; np.ones(750_000, np.float32); before = faults()\n"
        "for _ in range(100): np.ones(750_000, np.float32)\n"
        "print(done, faults() - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=bundled_folder(), capture_output=True, text=True, check=True
    )
    possible, faults = done.stdout.split()
    if possible == "True":
        assert int(faults) < 10_000  # pages, of 73,000
