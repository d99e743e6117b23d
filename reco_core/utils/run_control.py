"""Progress and cancelling: one object, handed down to everything that takes over a second."""

import threading
from collections.abc import Callable

from reco_core.errors import Cancelled


class RunControl:
    """How far a long run is, for who watches it, and whether it shall stop; safe to share between threads.

    A run reports its stages and stops at its next step once it is cancelled. A control with a parent is cancelled with
    it, but reports to its own listener alone: for a stage that is part of another one, or that ends before it.
    """

    def __init__(
        self, on_report: Callable[[str, int, int], None] | None = None, parent: "RunControl | None" = None
    ) -> None:
        """on_report: called with what is reported, by the thread that does; what it raises ends the run."""
        self._on_report, self._parent, self._stop = on_report, parent, threading.Event()

    def report(self, stage: str, done: int, total: int) -> None:
        """Say how much of a stage is done. stage: plain words, such as "photos". total: 0 where nobody knows it."""
        if self._on_report:
            self._on_report(stage, done, total)

    def cancel(self) -> None:
        """Have the run stop at its next step."""
        self._stop.set()

    @property
    def cancelled(self) -> bool:
        """Whether it shall stop."""
        return self._stop.is_set() or (self._parent is not None and self._parent.cancelled)

    def raise_if_cancelled(self, what: str, remedy: str = "") -> None:
        """Stop here if it shall; what: what was stopped, such as "the download was cancelled".

        Raises:
            Cancelled: it was cancelled; or what the parent raises.
        """
        if self._parent is not None:
            self._parent.raise_if_cancelled(what, remedy)
        if self.cancelled:
            raise Cancelled(what, remedy=remedy)
