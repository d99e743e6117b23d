"""Photos that are being embedded: what is done so far, kept on disk, so that a run that stops can go on."""

import json
import logging
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from reco_core.types import LeftOut, PhotoRecord
from reco_core.utils.atomic_write import atomic_write

log = logging.getLogger(__name__)

STATE, KEPT, LEFT_OUT = "state.json", "kept.jsonl", "left_out.jsonl"


class BuildJournal:
    """Arrays and records, appended batch by batch in a folder of their own.

    The state file says how long every other file was after the last complete batch; what a run that was killed wrote
    beyond that is cut off.
    """

    def __init__(self, folder: Path, key: str) -> None:
        """key: everything that the result depends on; a folder of another key is begun anew."""
        self.folder = folder
        self._state: dict[str, Any] = {"key": key, "done": 0, "count": 0, "sizes": {}, "arrays": {}}
        state = self._read()
        if state.get("key") == key and self._cut_back(state["sizes"]):
            self._state = state
            if self.done:
                log.info("going on after %d photos that were embedded before", self.done)
        else:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            atomic_write(folder / STATE, json.dumps(self._state))

    @property
    def done(self) -> int:
        """How many of the source's photos were dealt with, kept or not."""
        return self._state["done"]

    @property
    def count(self) -> int:
        """How many of them were kept."""
        return self._state["count"]

    def append(
        self,
        done: int,
        records: Iterable[PhotoRecord],
        arrays: Mapping[str, np.ndarray],
        left_out: Iterable[LeftOut] = (),
    ) -> None:
        """Add a batch: n records, arrays of n rows each, and who was left out; then `done` photos are done."""
        records = list(records)
        for name, array in arrays.items() if records else ():
            self._state["arrays"][name] = [array.dtype.str, list(array.shape[1:])]
            self._append(name, np.ascontiguousarray(array).tobytes())
        self._append(KEPT, _lines(records))
        self._append(LEFT_OUT, _lines(left_out))
        self._state["done"], self._state["count"] = done, self.count + len(records)
        atomic_write(self.folder / STATE, json.dumps(self._state))

    def records(self) -> list[PhotoRecord]:
        """The records of all photos that were kept."""
        return [PhotoRecord(**row) for row in self._rows(KEPT)]

    def left_out(self) -> list[LeftOut]:
        """All photos that were not."""
        return [LeftOut(**row) for row in self._rows(LEFT_OUT)]

    def __contains__(self, name: str) -> bool:
        """Whether batches had an array of this name."""
        return name in self._state["arrays"]

    def array(self, name: str) -> np.ndarray:
        """All rows of an array, memory-mapped; raises KeyError if no batch had it."""
        kind, shape = self._state["arrays"][name]
        return np.memmap(self.folder / name, kind, "r").reshape(-1, *shape)

    def _rows(self, name: str) -> list[dict]:
        text = (self.folder / name).read_text(encoding="utf-8") if self.done else ""
        return [json.loads(line) for line in text.split("\n") if line]

    def _append(self, name: str, data: bytes) -> None:
        known = name in self._state["sizes"]  # what a run wrote that was killed in its first batch is not
        with (self.folder / name).open("ab" if known else "wb") as file:
            file.write(data)
            self._state["sizes"][name] = file.tell()

    def _read(self) -> dict:
        try:
            return json.loads((self.folder / STATE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}

    def _cut_back(self, sizes: dict[str, int]) -> bool:
        """Cut files to their sizes; False if one is too short."""
        files = {name: self.folder / name for name in sizes}
        if any(not file.is_file() or file.stat().st_size < sizes[name] for name, file in files.items()):
            return False
        for name, file in files.items():
            os.truncate(file, sizes[name])
        return True


def _lines(rows: Iterable[PhotoRecord | LeftOut]) -> bytes:
    return "".join(json.dumps(asdict(row)) + "\n" for row in rows).encode()
