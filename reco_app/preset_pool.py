"""Loaded presets, shared by all users of a server."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reco_core.pipeline import ReCo


MOST = 2  # presets in memory at once, besides the first


class PresetPool:
    """Loads each preset once, however many ask; lets the least recently used go when there are too many.

    The first preset stays. One that leaves is freed when nobody works with it any more.
    """

    def __init__(self, load: Callable[[str], ReCo], first: str, most: int = MOST) -> None:
        """load: makes a preset ready; called in the thread of whoever asks first."""
        self.first, self.most = first, most
        self._load, self._lock = load, threading.Lock()
        self._entries: OrderedDict[str, Future[ReCo]] = OrderedDict()

    def get(self, name: str = "") -> ReCo:
        """A preset ("" is the first), loaded now if it has to be; raises what loading raises, each time anew."""
        name = name or self.first
        with self._lock:
            entry = self._entries.get(name)
            mine = entry is None
            if entry is None:
                entry = self._entries[name] = Future()
            self._entries.move_to_end(name)
            others = [other for other in self._entries if other not in (self.first, name)]
            for old in others[: max(0, len(others) + 1 - self.most)]:
                del self._entries[old]
        if mine:
            try:
                entry.set_result(self._load(name))
            except BaseException as error:
                with self._lock:
                    if self._entries.get(name) is entry:
                        del self._entries[name]
                entry.set_exception(error)
        return entry.result()

    def loaded(self, name: str = "") -> bool:
        """Whether `get` would answer at once."""
        with self._lock:
            entry = self._entries.get(name or self.first)
        return entry is not None and entry.done() and entry.exception() is None
