"""What is suggested and said while names are typed."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from reco_app.preset_pool import PresetPool
from reco_core.archives.name_remarks import NameRemark, remarks_on
from reco_core.archives.suggested_names import SuggestedNames, suggested_names

if TYPE_CHECKING:
    from reco_core.archives.archive import Archive


class NameHelp:
    """Of a server's presets; it loads none of them: what their archives know is known once they are loaded."""

    def __init__(self, presets: PresetPool) -> None:
        self._presets, self._lock = presets, threading.Lock()
        self._lists: SuggestedNames | None = None
        self._known: WeakKeyDictionary[Archive, SuggestedNames] = WeakKeyDictionary()

    def suggest(
        self, typed: str, preset: str = "", own: Collection[str] = (), chosen: Collection[str] = ()
    ) -> list[str]:
        """Names that begin as typed, or nearly; see `SuggestedNames.find`. own: the visitor's. chosen: left out."""
        return self._names(self._archive(preset)).find(typed, own, chosen)

    def remarks(self, names: Sequence[str], preset: str = "", own: Collection[str] = ()) -> Sequence[NameRemark] | None:
        """A remark for each name; None if the preset is not loaded yet."""
        archive = self._archive(preset)
        return None if archive is None else remarks_on(names, archive, own)

    def _archive(self, preset: str) -> Archive | None:
        return self._presets.get(preset).archive if self._presets.loaded(preset) else None

    def _names(self, archive: Archive | None) -> SuggestedNames:
        with self._lock:  # made once, however many type meanwhile
            if archive is None:
                self._lists = self._lists or suggested_names()
                return self._lists
            if archive not in self._known:
                self._known[archive] = suggested_names(archive)
            return self._known[archive]
