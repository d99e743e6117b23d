"""Telling in the log how far something is."""

import logging
import time

log = logging.getLogger("reco_core")


class Steps:
    """Says how far something is, every few seconds, with the time that is left."""

    def __init__(self, verb: str = "", every: float = 5.0) -> None:
        self.verb, self.every, self.what, self.started, self.told = verb, every, "", 0.0, 0.0

    def __call__(self, what: str, done: int, of: int) -> None:
        now = time.monotonic()
        if what != self.what:
            self.what, self.started, self.told = what, now, now
        if now - self.told >= self.every or done == of:
            self.told = now
            left = (now - self.started) / max(done, 1) * (of - done)
            log.info("%s%s: %s of %s, %.0f s left", self.verb and f"{self.verb} ", what, f"{done:,}", f"{of:,}", left)
