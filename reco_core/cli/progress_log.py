"""Telling in the log how far something is."""

import logging
import time

from reco_core.utils.run_control import RunControl

log = logging.getLogger("reco_core")


class ProgressLog(RunControl):
    """Says how far something is, every few seconds, with the time that is left."""

    def __init__(self, verb: str = "", every: float = 5.0) -> None:
        super().__init__(self._log)
        self.verb, self.every, self.stage, self.started, self.last = verb, every, "", 0.0, 0.0

    def _log(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        if stage != self.stage:
            self.stage, self.started, self.last = stage, now, now
        if now - self.last >= self.every or done == total:
            self.last = now
            left = (now - self.started) / max(done, 1) * (total - done)
            about = f"{self.verb} {stage}".strip()
            log.info("%s: %s of %s, %.0f s left", about, f"{done:,}", f"{total:,}", left)
