"""Everything temporary on disk: what visitors bring and what the server makes for them, in one folder of its own.

A server's folder lies among what is temporary on the machine and is locked for as long as its process lives. It goes
when the server ends, whatever ended it but a kill, and then the next start sweeps it away. Until then everything in it
goes by age, except what belongs to a session (`session.private_folder`), which goes with that.
"""

import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

log = logging.getLogger("reco_app")
PREFIX, LOCK = "reco-app-", "lock"
OWNED = "owned-"  # what folders are called that go with their owner
PARTIAL_SECONDS = 60.0  # without another byte, after which an upload will not be finished any more


class TemporaryFiles:
    """A server's folder: `cache`, from where Gradio serves files, and `private`, from where nobody does."""

    def __init__(self, folder: Path, keep_seconds: float, clock: Callable[[], float] = time.time) -> None:
        """keep_seconds: how long what nobody owns is kept after its last use. clock: seconds, as files' times are."""
        self.folder, self.keep_seconds, self.clock = folder, keep_seconds, clock
        self.cache, self.private = folder / "cache", folder / "private"
        self._own: frozenset[Path] = frozenset()
        for part in (self.cache, self.private):
            part.mkdir(parents=True, exist_ok=True)

    def settle(self) -> None:
        """What is there now is the server's own, such as example photos: it stays."""
        self._own = frozenset(self._entries())

    def sweep(self) -> int:
        """Delete what nobody owns and nobody has used for too long, and uploads that broke off; says how many."""
        now, gone = self.clock(), 0
        for entry in self._entries():
            if entry in self._own or entry.name.startswith(OWNED):
                continue
            patience = min(PARTIAL_SECONDS, self.keep_seconds) if entry.is_file() else self.keep_seconds
            if now - _last_used(entry) > patience:
                _delete(entry)
                gone += 1
        return gone

    def watch(self, seconds: float = 30.0) -> threading.Event:
        """Sweep every so many seconds, until the event that it returns is set."""
        ended = threading.Event()

        def run() -> None:
            while not ended.wait(seconds):
                try:
                    self.sweep()
                except OSError:
                    log.warning("temporary files could not be swept; this is tried again")

        threading.Thread(target=run, daemon=True, name="sweep").start()
        return ended

    def _entries(self) -> list[Path]:
        return [entry for part in (self.cache, self.private) if part.is_dir() for entry in part.iterdir()]


@contextmanager
def new_folder(parent: Path) -> Iterator[Path]:
    """A new folder that nobody can guess and nobody owns; it goes at once if what is done in it fails."""
    folder = Path(tempfile.mkdtemp(dir=parent))
    try:
        yield folder
    except BaseException:
        _delete(folder)
        raise


@contextmanager
def temporary_files(keep_seconds: float) -> Iterator[TemporaryFiles]:
    """A server's folder for as long as the block runs, where Gradio and Python's `tempfile` put all they make.

    Raises OSError: it cannot be made.
    """
    parent = Path(os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir())
    parent.mkdir(parents=True, exist_ok=True)
    sweep_stale(parent)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent)).resolve()
    lock = FileLock(folder / LOCK)
    lock.acquire(timeout=0)
    before = tempfile.tempdir, os.environ.get("GRADIO_TEMP_DIR")
    files = TemporaryFiles(folder, keep_seconds)
    tempfile.tempdir, os.environ["GRADIO_TEMP_DIR"] = str(files.private), str(files.cache)
    ended = files.watch()
    try:
        yield files
    finally:
        ended.set()
        tempfile.tempdir = before[0]
        os.environ.pop("GRADIO_TEMP_DIR")
        if before[1] is not None:
            os.environ["GRADIO_TEMP_DIR"] = before[1]
        _delete(folder)
        lock.release()
        _delete(folder)  # where a request that still runs has put something in between


def sweep_stale(parent: Path) -> int:
    """Delete the folders of servers that are no more; says how many there were."""
    gone, user = 0, getattr(os, "getuid", lambda: 0)()  # 0 is all that Windows says of any file
    for folder in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):
            mine = folder.is_dir() and not folder.is_symlink() and folder.stat().st_uid == user
            if mine and _abandoned(folder):
                _delete(folder)
                gone += 1
    return gone


def used(file: Path) -> None:
    """Somebody has used a file: it is kept for as long again."""
    with suppress(OSError):
        os.utime(file)


def _abandoned(folder: Path) -> bool:
    """Whether the process whose folder it is has ended."""
    lock = folder / LOCK
    if not lock.exists() and time.time() - folder.stat().st_mtime < PARTIAL_SECONDS:
        return False  # it is being made
    try:
        with FileLock(lock, timeout=0):
            return True
    except Timeout:
        return False


def _last_used(entry: Path) -> float:
    """When anything of it was last written or used."""
    times = [0.0]
    for path in (entry, *entry.rglob("*")) if entry.is_dir() else (entry,):
        with suppress(OSError):  # gone meanwhile
            times.append(path.lstat().st_mtime)
    return max(times)


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
