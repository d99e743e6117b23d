"""The machine's cores, shared out among the requests that models work for."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

MOST_LANES = 4  # requests that models work for at once: each has its memory


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def lanes() -> int:
    """Requests that models work for at once: a thread each serves more people than all threads for one by one."""
    return min(MOST_LANES, cores())


class Shares:
    """Who is alone has all cores, who comes while others are at work has a part. Never waits."""

    def __init__(self, count: int | None = None) -> None:
        """count: of cores, by default all."""
        self.count = count or cores()
        self._working, self._lock = 0, threading.Lock()

    @contextmanager
    def share(self) -> Iterator[int]:
        """While models work in this thread: they have so many threads."""
        import torch

        with self._lock:
            self._working += 1
            threads = max(1, self.count // self._working)
        try:
            if torch.get_num_threads() != threads:  # of this thread
                torch.set_num_threads(threads)
            yield threads
        finally:
            with self._lock:
                self._working -= 1
