"""Memory that is free is given back to the system, which the C library would else keep for later.

Photos and networks take and free hundreds of megabytes, from many threads. glibc gives each thread a heap of its own
and gives back only what lies at the end of one, so a server grows for hours. Where the library is another one, nothing
of this is needed, and nothing is done.
"""

import ctypes
import sys
import threading

ARENA_MAX, HEAPS = -8, 2  # glibc's M_ARENA_MAX, and how many heaps all threads share
# What is free stays so long, up to so many bytes at the end of a heap, and arrays of less than so many lie in heaps:
# memory that is new for each array is filled with zeros by the system first, which takes a tenth of an answer.
TRIM_THRESHOLD, MMAP_THRESHOLD = (-1, 256 << 20), (-3, 32 << 20)
SECONDS = 5.0  # between two tidyings: each takes 3 ms, and the next photo then 50 ms more


def tidy() -> bool:
    """Few heaps for the threads of this process from now on, tidied up every few seconds; whether that is possible."""
    if sys.platform != "linux":
        return False
    library = ctypes.CDLL(None)
    if not (hasattr(library, "mallopt") and hasattr(library, "malloc_trim")):
        return False
    for option, value in ((ARENA_MAX, HEAPS), TRIM_THRESHOLD, MMAP_THRESHOLD):
        library.mallopt(option, value)
    threading.Thread(target=_keep_tidy, args=[library], name="memory", daemon=True).start()
    return True


def _keep_tidy(library: ctypes.CDLL) -> None:
    pause = threading.Event()
    while not pause.wait(SECONDS):
        library.malloc_trim(0)
