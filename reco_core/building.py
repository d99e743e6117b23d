"""An archive that is being built: what was encoded so far, kept on disk, so that a run that stops can go on."""

import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from reco_core.errors import ArchiveError
from reco_core.structures import Encoded, PhotoRecord
from reco_core.whole import write_whole

log = logging.getLogger(__name__)

STATE, KEPT = "state.json", "kept.jsonl"
PRECISION = {"embedding": np.float32, "retrieval": np.float32, "features": np.float16, "language": np.float16}


class Building:
    """Encoded photos, appended batch by batch in a folder of their own.

    The state file says how long every other file was after the last complete batch; what a run that was killed wrote
    beyond that is cut off.
    """

    def __init__(self, folder: Path, key: str) -> None:
        """key: everything that the result depends on; a folder of another key is begun anew."""
        self.folder = folder
        self._state: dict[str, Any] = {"key": key, "done": 0, "sizes": {}, "shapes": {}}
        state = self._read()
        if state.get("key") == key and self._cut_back(state["sizes"]):
            self._state = state
            if self.done:
                log.info("going on after %d photos that were encoded before", self.done)
        else:
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def done(self) -> int:
        """How many records were dealt with, readable or not."""
        return self._state["done"]

    def append(self, records: list[PhotoRecord], encoded: Encoded | None, done: int) -> None:
        """Add a batch: the records that were readable, and what the models say of them; then `done` records are done."""
        for name, precision in PRECISION.items() if encoded else ():
            values = getattr(encoded, name)
            if values is not None:
                array = values.cpu().numpy().astype(precision)
                self._state["shapes"][name] = array.shape[1:]
                self._append(name, array.tobytes())
        self._append(KEPT, "".join(json.dumps(asdict(record)) + "\n" for record in records).encode())
        self._state["done"] = done
        write_whole(self.folder / STATE, json.dumps(self._state))

    def records(self) -> list[PhotoRecord]:
        """All records whose photos were readable."""
        text = (self.folder / KEPT).read_text(encoding="utf-8") if self.done else ""
        return [PhotoRecord(**json.loads(line)) for line in text.splitlines()]

    def array(self, name: str) -> np.ndarray | None:
        """All batches of `embedding`, `retrieval`, `features` or `language`, memory-mapped; None if the models give none."""
        shape = self._state["shapes"].get(name)
        return None if shape is None else np.memmap(self.folder / name, PRECISION[name], "r").reshape(-1, *shape)

    def _append(self, name: str, data: bytes) -> None:
        with (self.folder / name).open("ab") as file:
            file.write(data)
            self._state["sizes"][name] = file.tell()

    def _read(self) -> dict:
        try:
            return json.loads((self.folder / STATE).read_text())
        except (OSError, ValueError):
            return {}

    def _cut_back(self, sizes: dict[str, int]) -> bool:
        """Cut files to their sizes; False if one is too short."""
        files = {name: self.folder / name for name in sizes}
        if any(not file.is_file() or file.stat().st_size < sizes[name] for name, file in files.items()):
            return False
        for name, file in files.items():
            with file.open("r+b") as stream:
                stream.truncate(sizes[name])
        return True


@contextmanager
def building(target: Path, key: str) -> Iterator[Building]:
    """The building of the archive `target`, beside it; deleted if all goes well, kept otherwise.

    Raises:
        ArchiveError: another process is building the same archive.
    """
    folder = target.parent / f".{target.name}-building"
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(f"{folder}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise ArchiveError("another process is building this archive", given=target, remedy="Wait for it") from error
    try:
        work = Building(folder, key)
        try:
            yield work
        except BaseException:
            if work.done:
                log.info("%d photos are encoded and kept in %s: the same command goes on from there", work.done, folder)
            raise
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)
