"""How long the stages of something take."""

import time


class Stopwatch:
    """Seconds between laps, written into `timings` under their names."""

    def __init__(self, timings: dict[str, float] | None = None) -> None:
        """It runs from now on. timings: a table to write into; default: a new one."""
        self.timings = {} if timings is None else timings
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """Write down the seconds since the lap before."""
        now = time.perf_counter()
        self.timings[name], self._last = now - self._last, now
