"""Embedding for an archive on a Ray cluster: batches of a shared folder, made by workers with a model each."""

import logging
import math
import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from reco_core.archives import embedded_batches, embedding
from reco_core.archives.cluster_worker import Job, Worker, not_shared
from reco_core.archives.codecs import Codec
from reco_core.archives.thumbnails import NONE
from reco_core.archives.writer import RemoteEmbedder
from reco_core.errors import ArchiveError, OptionError
from reco_core.models.encoders import Encoder
from reco_core.photo_sources.source import Source
from reco_core.presets import Preset, find_preset
from reco_core.utils.optional import import_optional
from reco_core.utils.quiet_loggers import quiet_loggers
from reco_core.utils.run_control import RunControl

log = logging.getLogger(__name__)
LOCAL = "local"
RUN = 4  # batches that a worker gets at a time: it decodes the next while it embeds one
SHARES = 4  # runs for each worker, at least, so that all end at about the same time
STORE = 200_000_000  # bytes of shared memory for Ray, which passes only numbers on
CONNECT = 5  # seconds for the cluster to answer
ARRIVE = 60  # seconds after which a network file system shows a file to all machines
HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])  # HTTP/2 with empty settings
AGAIN = "Give the same command again: what is embedded is kept"


def on_ray(
    address: str,
    photos: str | Path,
    preset: str | Preset,
    *,
    workers: int = 2,
    open_only: bool = False,
    titles: str = "files",
    weights: Path | None = None,
    precision: str | None = None,
) -> RemoteEmbedder:
    """Have the photos of an archive embedded by workers of a Ray cluster, with the same result, byte for byte.

    All machines must see the photos, the weights' folder and the folder beside the archive (a shared file system) at
    the same paths, and have the same ReCo. A worker that is killed is replaced and loses the batch it was at; if this
    process stops, the next call, on a cluster or not, embeds what is missing.

    Args:
        address: HOST:PORT of a cluster's head, or "local" to start Ray on this machine; ignored if this process is
            connected to Ray already.
        photos, open_only, titles: what the archive's source was opened with (see `open_source`).
        preset, weights, precision: what its encoder was loaded with (see `load_encoder`).
        workers: each computes on one CPU, and has a GPU of its own if the encoder is on one.

    Raises:
        DependencyError: Ray is missing. OptionError: the address or number of workers makes no sense, or no cluster
        answers there. When it is called, ArchiveError: a worker or the cluster failed, or the folder is not shared;
        Cancelled: its control was cancelled.
    """
    ray = _ray()
    if workers < 1:
        raise OptionError("--workers must be at least 1", given=workers)
    if address != LOCAL:
        _greet(address)
    preset = find_preset(preset) if isinstance(preset, str) else preset
    photos = str(photos) if str(photos).startswith("hf:") else str(Path(photos).expanduser().absolute())

    def embed(
        source: Source,
        encoder: Encoder,
        learned: dict[str, Codec] | None,
        folder: Path,
        starts: Sequence[int],
        control: RunControl,
        pictured: str = NONE,
    ) -> None:
        files = None if learned is None else {role: codec.save(folder / role) for role, codec in learned.items()}
        device = encoder.device.partition(":")[0]
        place = weights.absolute() if weights else None
        model = preset, place, precision, device, encoder.hash
        job = Job(folder, photos, open_only, titles, source.key, *model, files, embedding.BATCH, pictured)
        size = min(RUN, math.ceil(len(starts) / (workers * SHARES)))
        runs = [list(starts[i : i + size]) for i in range(0, len(starts), size)]
        total = min(len(starts) * job.batch, len(source.records))
        log.info("%d photos are embedded by %d workers", total, workers)
        with _connected(ray, address, workers):
            for done, row in enumerate(_results(ray, job, runs, workers), 1):
                control.raise_if_cancelled("embedding on the cluster was cancelled", AGAIN)
                if row["error"]:
                    raise ArchiveError(f"a worker failed: {row['error']}", remedy=AGAIN)
                control.report("embedding on the cluster", min(done * job.batch, total), total)
        _check_arrived(folder, starts)

    return embed


def _results(ray: ModuleType, job: Job, runs: list[list[int]], workers: int) -> Iterator[dict]:
    """What workers answer, row by row; Ray Data replaces those that are killed and repeats what they were at."""
    dataset = ray.data.from_items([{"starts": run} for run in runs], override_num_blocks=len(runs))
    dataset.context.enable_progress_bars = dataset.context.print_on_execution_start = False
    cuda = job.device.startswith("cuda")
    package = str(Path(__file__).resolve().parents[2])  # where workers find this package
    path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    done = dataset.map_batches(
        Worker,
        fn_constructor_args=(job,),
        batch_size=1,
        num_cpus=1,
        num_gpus=1 if cuda else None,
        compute=ray.data.ActorPoolStrategy(size=min(workers, len(runs))),
        runtime_env={"env_vars": {"PYTHONPATH": path}},
    )
    try:
        yield from done.iter_rows()
    except (ray.exceptions.RayError, ray.data.exceptions.ExecutionTimeoutError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise ArchiveError("the Ray cluster failed", given=f"{type(error).__name__}: {reason}", remedy=AGAIN) from error


@contextmanager
def _connected(ray: ModuleType, address: str, workers: int) -> Iterator[None]:
    """Ray, without its messages; it is shut down afterwards unless this process used it before."""
    started = not ray.is_initialized()
    local = {"num_cpus": workers, "object_store_memory": STORE, "include_dashboard": False} if address == LOCAL else {}
    try:
        if started:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **local)
    except (ConnectionError, RuntimeError) as error:
        raise ArchiveError("the Ray cluster cannot be used", given=f"{address} ({error})", remedy=AGAIN) from error
    try:
        with quiet_loggers(logging.CRITICAL, "ray.data"):
            yield
    finally:
        if started:
            ray.shutdown()


def _greet(address: str) -> None:
    """Make sure that something like Ray answers: Ray itself would try for minutes, and then end this process."""
    host, _, port = address.rpartition(":")
    expected = '"local", or HOST:PORT as `ray start --head` prints it'
    if not host or "/" in host or not port.isdecimal():
        raise OptionError("the address of a Ray cluster is not understood", given=address, expected=expected)
    try:
        with socket.create_connection((host, int(port)), CONNECT) as connection:
            connection.sendall(HELLO)
            answer = connection.recv(4)
    except (OSError, OverflowError) as error:
        raise OptionError("no Ray cluster answers", given=f"{address} ({error})", expected=expected) from error
    if answer[3:] != b"\x04":  # its settings: the head speaks HTTP/2
        raise OptionError("what answers is not the head of a Ray cluster", given=address, expected=expected)


def _check_arrived(folder: Path, starts: Sequence[int]) -> None:
    end = time.monotonic() + ARRIVE
    while missing := [start for start in starts if not embedded_batches.batch_file(folder, start).exists()]:
        if time.monotonic() > end:
            log.error("%d batches of %d are missing", len(missing), len(starts))
            raise not_shared(folder)
        time.sleep(1)


def _ray() -> ModuleType:
    import_optional("ray.data", "a cluster", "requirements-cluster.txt")
    return import_optional("ray", "a cluster", "requirements-cluster.txt")
