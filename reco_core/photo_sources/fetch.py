"""Fetching an archive's photos from where they were published: each once, checked, politely."""

import itertools
import logging
import re
import threading
import time
from collections.abc import Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from reco_core.errors import ArchiveError, DownloadError, NoSpaceError
from reco_core.photo_sources.licences import is_open
from reco_core.types import PhotoRecord
from reco_core.utils import download
from reco_core.utils.atomic_write import atomic_write
from reco_core.utils.hashing import sha256
from reco_core.utils.run_control import RunControl

log = logging.getLogger(__name__)

CONNECTIONS = 4  # to one host at a time
INTERVAL = 0.02  # seconds between two requests to one host
MOST_BYTES = 50_000_000  # of one photo
WAITING = 64  # photos that threads are given ahead
TABLE = "manifest.tsv"  # of photos' credits, beside them
GIVE_UP = 25  # failures in a row: then it is the network, not the photos
COLUMNS = "file width height source_url source_sha256 landing_url licence licence_scope open_licence author title"


@dataclass(frozen=True)
class Fetched:
    """fetched: now. present: there before. failed: photo and reason."""

    fetched: int
    present: int
    failed: tuple[tuple[PhotoRecord, str], ...]


def fetch_photos(
    records: list[PhotoRecord],
    folder: Path,
    *,
    open_only: bool = False,
    connections: int = CONNECTIONS,
    interval: float = INTERVAL,
    control: RunControl | None = None,
) -> Fetched:
    """Bring photos to `folder`, and write a table beside them that `archive build` reads credits from.

    What is there and has the right SHA-256 stays; so a call that was interrupted is continued by the next one. A
    photo that cannot be had is reported, and the others go on.

    Args:
        open_only: leave out photos whose licence is not open.
        connections, interval: to each host, at a time; and seconds between two requests.
        control: told of every photo that is done, from one thread; asked all the time.

    Raises:
        ArchiveError: no record has an address, or one would leave the folder.
        DownloadError: so many photos failed in a row that it must be the network. NoSpaceError: the disk is full.
        Cancelled: `control` was cancelled. After any of these the table lists what is there.
    """
    control = control or RunControl()
    wanted = [r for r in records if r.source_url and (is_open(r.licence, r.open_licence) or not open_only)]
    if not wanted:
        raise ArchiveError("the archive does not say where its photos are from", given=f"{len(records)} photos")
    for record in wanted:
        if not (folder / record.file).resolve().is_relative_to(folder.resolve()):
            raise ArchiveError(
                "a photo's name leaves the folder", given=record.file, remedy="Do not trust this archive"
            )
    present = {record.file for record in wanted if _is_here(folder / record.file, record)}
    missing = [record for record in wanted if record.file not in present]
    failed: list[tuple[PhotoRecord, str]] = []
    in_a_row = 0  # of those that failed
    try:
        with closing(_downloads(missing, folder, connections, interval, control)) as downloads:
            for done, (record, problem) in enumerate(downloads, 1):
                if problem:
                    log.warning("not fetched: %s: %s", record.file, problem)
                    failed.append((record, problem))
                    in_a_row += 1
                else:
                    present.add(record.file)
                    in_a_row = 0
                if in_a_row >= GIVE_UP:
                    raise DownloadError(
                        f"{in_a_row} photos in a row could not be fetched",
                        given=problem,
                        remedy="Check the network and try again: what came is kept",
                    )
                control.report("photos", done + len(wanted) - len(missing), len(wanted))
    finally:
        _write_table([record for record in wanted if record.file in present], folder)
    return Fetched(len(missing) - len(failed), len(wanted) - len(missing), tuple(failed))


def _downloads(
    records: list[PhotoRecord], folder: Path, connections: int, interval: float, control: RunControl
) -> Generator[tuple[PhotoRecord, str]]:
    """Records as threads are done with them, a few for each host, with what went wrong or ""."""
    running = RunControl(parent=control)
    hosts = {host: _Host(connections, interval) for host in map(_host, records)}
    waiting: dict[Future[str], PhotoRecord] = {}
    queue = iter(records)
    threads = 4 * connections

    def fetch(record: PhotoRecord) -> str:
        url, file, digest = record.source_url, folder / record.file, record.sha256
        with hosts[_host(record)].turn():
            return download.download(url, file, web, sha256=digest, most=MOST_BYTES, control=running)

    with download.client(threads) as web, ThreadPoolExecutor(threads) as pool:
        try:
            while True:
                for record in itertools.islice(queue, WAITING - len(waiting)):
                    waiting[pool.submit(fetch, record)] = record
                if not waiting:
                    return
                done, _ = wait(waiting, timeout=0.2, return_when=FIRST_COMPLETED)
                running.raise_if_cancelled("fetching was cancelled", "The photos that came are kept")
                for future in done:
                    error = future.exception()
                    if isinstance(error, NoSpaceError) or not isinstance(error, DownloadError | None):
                        raise error
                    yield waiting.pop(future), str(error or "")
        finally:
            running.cancel()
            pool.shutdown(cancel_futures=True)


class _Host:
    """Lets a few requests run at a time, and starts them apart."""

    def __init__(self, connections: int, interval: float) -> None:
        self.running, self.lock = threading.Semaphore(connections), threading.Lock()
        self.interval, self.next = interval, 0.0

    @contextmanager
    def turn(self) -> Iterator[None]:
        with self.running:
            with self.lock:
                now = time.monotonic()
                pause, self.next = max(0.0, self.next - now), max(now, self.next) + self.interval
            time.sleep(pause)
            yield


def _host(record: PhotoRecord) -> str:
    return urlsplit(record.source_url).netloc


def _is_here(file: Path, record: PhotoRecord) -> bool:
    return file.is_file() and (not record.sha256 or sha256(file) == record.sha256)


def _write_table(records: list[PhotoRecord], folder: Path) -> None:
    columns = COLUMNS.split()
    rows: list[list[object]] = [[*columns]]
    for record in records:
        allowed = is_open(record.licence, record.open_licence)
        derived = {"source_sha256": record.sha256, "open_licence": "yes" if allowed else "no"}
        rows.append([{**asdict(record), **derived}[column] for column in columns])
    lines = ["\t".join(re.sub(r"[\t\r\n]+", " ", str(value)) for value in row) for row in rows]
    folder.mkdir(parents=True, exist_ok=True)
    atomic_write(folder / TABLE, "\n".join(lines) + "\n")
