"""A request's control: it ends when nobody waits for the answer any more, or when it takes too long."""

import time

from reco_app.clients import Refused
from reco_app.fair_queue import nobody_waits
from reco_core.utils.run_control import RunControl


class RequestControl(RunControl):
    """Of what one event does; made in that event."""

    def __init__(self, seconds: float, parent: RunControl | None = None) -> None:
        """seconds: that it may take from now on."""
        super().__init__(parent=parent)
        self._seconds, self._until = seconds, time.monotonic() + seconds

    @property
    def late(self) -> bool:
        """Whether it has taken too long."""
        return time.monotonic() > self._until

    @property
    def cancelled(self) -> bool:
        """Whether it shall stop."""
        return super().cancelled or self.late or nobody_waits()

    def raise_if_cancelled(self, what: str, remedy: str = "") -> None:
        """Stop here if it shall.

        Raises:
            Refused: it took too long. Cancelled: it was cancelled, or nobody waits for it.
        """
        if self.late:
            why = f"this took longer than the {self._seconds:.0f} seconds that a request may take"
            raise Refused(why, remedy="Ask for less at once: fewer names, fewer or smaller photos")
        super().raise_if_cancelled(what, remedy)
