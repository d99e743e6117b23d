"""Archives embedded by workers of a Ray cluster are those of one process, whoever is killed meanwhile."""

import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.numpy import load_file, save_file
from support.recorder import Recorder
from support.web import dead

from reco_core.archives import changes, cluster, cluster_worker, embedding, writer
from reco_core.archives.archive import Archive
from reco_core.archives.cluster import on_ray
from reco_core.archives.cluster_worker import Job, Worker
from reco_core.archives.writer import RemoteEmbedder, write_archive
from reco_core.errors import ArchiveError, Cancelled, DependencyError, OptionError, RecoError, WeightsError
from reco_core.photo_sources.factory import open_source
from reco_core.presets import MINI
from reco_core.utils.paths import bundled_folder
from reco_core.utils.run_control import RunControl


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    """11 batches; 4 of them are what codecs are learned from."""
    monkeypatch.setattr(embedding, "BATCH", 2)
    monkeypatch.setattr(writer, "LEARN", 8)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """As workers have."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    import ray

    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        object_store_memory=cluster.STORE,
    )
    yield ray.get_runtime_context().gcs_address
    ray.shutdown()


@pytest.fixture(scope="module")
def photos(photo_folder, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("cluster") / "photos"
    shutil.copytree(photo_folder, folder)
    (folder / "damaged.jpg").write_bytes(b"\xff\xd8 not a photo")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def build(
    photos: Path, out: Path, reco, remote: RemoteEmbedder | None = None, control: RunControl | None = None
) -> dict[str, bytes]:
    with open_source(photos) as source:
        write_archive(out, source, reco.encoder, control=control, remote=remote)
    return contents(out)


@pytest.fixture
def plain(photos, reco, tmp_path) -> dict[str, bytes]:
    return build(photos, tmp_path / "plain", reco)


@pytest.fixture
def only_workers(reco, monkeypatch) -> None:
    """This process must not embed."""
    monkeypatch.setattr(reco.encoder, "encode_crops", lambda photos: pytest.fail("embedded here"))


def employ(kind: type[Worker], monkeypatch) -> None:
    """Have Ray make these workers."""
    import ray.data

    real = ray.data.Dataset.map_batches
    monkeypatch.setattr(ray.data.Dataset, "map_batches", lambda self, _, **options: real(self, kind, **options))


def test_workers_make_the_archive_of_one_process(photos, reco, plain, tmp_path, only_workers, monkeypatch):
    """Without a cluster: all that Ray does is to give runs of batches to workers."""

    def here(ray, job: Job, runs: list[list[int]], workers: int) -> Iterator[dict]:
        one = Worker(job)
        for run in runs:
            answer = one({"starts": [run]})
            yield from ({"start": start, "error": error} for start, error in zip(*answer.values(), strict=True))

    monkeypatch.setattr(cluster, "_connected", lambda *_: nullcontext())
    monkeypatch.setattr(cluster, "_results", here)
    monkeypatch.setattr(cluster_worker, "load_encoder", lambda *_, **__: replace(reco.encoder))
    control = Recorder()
    assert build(photos, tmp_path / "out", reco, on_ray("local", photos, "mini"), control) == plain
    embedded = [step for step in control.reports if step[0] == "embedding on the cluster"]
    assert [total for _, done, total in embedded if done == total] == [8, 14]


@pytest.mark.cluster
def test_the_archive_is_that_of_one_process(photos, reco, plain, tmp_path, address, only_workers):
    import ray

    control = Recorder()
    assert build(photos, tmp_path / "out", reco, on_ray(address, photos, "mini"), control) == plain
    archive = Archive(tmp_path / "out")
    assert len(archive) == 20 and archive.manifest.parts[0].left_out == {"unreadable": 1}
    embedded = [step for step in control.reports if step[0] == "embedding on the cluster"]
    assert [total for _, done, total in embedded if done == total] == [8, 14]
    assert ray.is_initialized()  # it was not started there


@pytest.mark.cluster
def test_a_killed_worker_loses_nothing(photos, reco, plain, tmp_path, address, monkeypatch):
    log, marker = tmp_path / "log", tmp_path / "killed"

    class Dying(Worker):
        """Kills itself in the middle of a run, once."""

        def embed(self, starts):
            for start in starts:
                super().embed([start])
                with log.open("a") as file:
                    file.write(f"{start}\n")
                try:
                    marker.touch(exist_ok=False)
                except FileExistsError:
                    continue
                os.kill(os.getpid(), signal.SIGKILL)

    employ(Dying, monkeypatch)
    monkeypatch.setattr(cluster, "SHARES", 1)  # seven batches: runs of four and three
    remote = on_ray(address, photos, MINI)

    def second(source, encoder, learned, *rest):
        """What codecs are learned from is embedded here."""
        if learned is not None:
            remote(source, encoder, learned, *rest)

    assert build(photos, tmp_path / "out", reco, second) == plain
    assert marker.exists()
    done = log.read_text().split()
    assert len(done) == len(set(done)) == 7  # what the killed one had saved was not embedded again


DRIVER = """
import os, pathlib, sys, time
sys.path.insert(0, sys.argv.pop())  # as an editor or a notebook does: workers do not inherit it
import ray, ray.data
from reco_core.archives import cluster, embedding, writer
from reco_core.archives.cluster_worker import Worker
from reco_core.models.encoders import load_encoder
from reco_core.photo_sources.factory import open_source
from reco_core.presets import MINI

embedding.BATCH, writer.LEARN = 2, 8
address, photos, out, log = sys.argv[1], *map(pathlib.Path, sys.argv[2:])

def main():
    class Stalling(Worker):
        def embed(self, starts):
            super().embed(starts[:1])
            with log.open("a") as file:
                file.write(f"{os.getpid()}\\n")
            time.sleep(600)

    real = ray.data.Dataset.map_batches
    ray.data.Dataset.map_batches = lambda self, worker, **options: real(self, Stalling, **options)
    with open_source(photos) as source:
        remote = cluster.on_ray(address, photos, MINI)
        writer.write_archive(out, source, load_encoder(MINI, "cpu"),
                             remote=lambda *job: None if job[2] is None else remote(*job))

main()
"""


def ended(pid: int) -> bool:
    """Whether a process is gone, but for its entry in the system's table."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return state.strip()[:1] in ("", "Z")


def wait(until: Callable[[], bool]) -> None:
    end = time.monotonic() + 90
    while not until():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.05)


@pytest.mark.cluster
def test_a_killed_driver_leaves_what_is_embedded_and_no_worker(photos, reco, plain, tmp_path, monkeypatch):
    out, log = tmp_path / "out", tmp_path / "log"
    command = [sys.executable, "-c", DRIVER, "local", str(photos), str(out), str(log), str(bundled_folder())]
    made = tmp_path / ".out-building" / "batches"
    with subprocess.Popen(command, cwd=tmp_path, env={**os.environ, "OMP_NUM_THREADS": "1"}) as process:
        wait(lambda: process.poll() is not None or len(list(made.glob("0*.safetensors"))) == 6)  # four, and two stall
        process.send_signal(signal.SIGKILL)
    wait(lambda: all(ended(int(pid)) for pid in log.read_text().split()))
    encoded: list[int] = []
    real = reco.encoder.encode_crops
    monkeypatch.setattr(reco.encoder, "encode_crops", lambda batch: encoded.append(len(batch)) or real(batch))
    assert build(photos, out, reco) == plain
    assert len(encoded) == 5


@pytest.mark.cluster
def test_cancelled_it_lets_go_of_workers_and_goes_on(photos, reco, tmp_path, address, monkeypatch):
    import ray

    monkeypatch.setattr(writer, "LEARN", 22)  # all
    plain = build(photos, tmp_path / "plain", reco)
    with pytest.raises(Cancelled, match=r"on the cluster was cancelled.*what is embedded is kept"):
        build(photos, tmp_path / "out", reco, on_ray(address, photos, MINI, workers=1), Recorder(1))
    assert list((tmp_path / ".out-building" / "batches").glob("0*.safetensors"))
    wait(lambda: ray.available_resources().get("CPU") == 2)
    assert build(photos, tmp_path / "out", reco) == plain


@pytest.mark.cluster
def test_photos_are_added_as_by_one_process(photos, reco, tmp_path, address):
    few = tmp_path / "few"
    few.mkdir()
    for file in photos.glob("c*.jpg"):
        shutil.copy(file, few)
    for out, remote in (("plain", None), ("out", on_ray(address, photos, MINI, workers=1))):
        build(few, tmp_path / out, reco)
        with open_source(photos) as source:
            part = changes.add_photos(tmp_path / out, source, reco.encoder, remote=remote)
        assert part.photos == 12
    assert contents(tmp_path / "out") == contents(tmp_path / "plain")


def embed(remote: RemoteEmbedder, photos: Path, reco, folder: Path) -> None:
    with open_source(photos) as source:
        remote(source, reco.encoder, None, folder, [0, 2], RunControl())


@pytest.mark.cluster
def test_a_failing_worker_is_told_in_words(photos, reco, tmp_path, address, monkeypatch):
    class Failing(Worker):
        def embed(self, starts):
            raise ValueError("boom")

    employ(Failing, monkeypatch)
    with pytest.raises(ArchiveError) as error:
        embed(on_ray(address, photos, MINI, workers=1), photos, reco, tmp_path)
    assert str(error.value).startswith("a worker failed: ValueError: boom (on ")
    assert len(str(error.value)) < 300 and "Traceback" not in str(error.value)


@pytest.mark.cluster
def test_a_folder_that_is_not_shared_is_told(photos, reco, tmp_path, address, monkeypatch):
    told = [{"start": start, "error": ""} for start in (0, 2)]
    monkeypatch.setattr(cluster, "_results", lambda *_: iter(told))
    monkeypatch.setattr(cluster, "ARRIVE", 0)
    with pytest.raises(ArchiveError, match="do not share the folder") as error:
        embed(on_ray(address, photos, MINI), photos, reco, tmp_path)
    assert str(tmp_path) in str(error.value)


def worker(photos: Path, reco, folder: Path, **told) -> Worker:
    """One in this process."""
    job = Job(
        folder=folder,
        photos=str(photos),
        open_only=False,
        titles="files",
        source_key=open_source(photos).key,
        preset=MINI,
        weights=None,
        precision=None,
        device="cpu",
        model_hash=reco.encoder.hash,
        codecs=None,
        batch=2,
    )
    return Worker(replace(job, **told))


def test_a_worker_sees_that_its_machine_differs(photos, reco, tmp_path):
    with pytest.raises(ArchiveError, match="the photos changed"):
        worker(photos, reco, tmp_path, source_key="other").embed([0])
    with pytest.raises(ArchiveError, match="do not share the folder"):
        worker(photos, reco, tmp_path / "missing").embed([0])
    network = bundled_folder() / MINI.features.weights[0].file
    save_file(load_file(network), tmp_path / "other.safetensors", {"not": "the same"})
    with pytest.raises(WeightsError):
        worker(photos, reco, tmp_path, weights=tmp_path / "other.safetensors").embed([0])
    assert not list(tmp_path.glob("0*"))


@pytest.mark.parametrize("module", ["ray", "ray.data"])
def test_without_ray_it_says_what_to_install(module, photos, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(DependencyError, match=r"pip install -r requirements-cluster\.txt"):
        on_ray("local", photos, MINI)


@pytest.fixture
def silent() -> Iterator[str]:
    """Takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_wrong_addresses_are_told_at_once(photos, silent, web, monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT", 0.5)
    host, port = web.server_address[:2]
    for address in (dead(), silent, "no-such-host.invalid:6379", "127.0.0.1:99999"):
        with pytest.raises(OptionError, match="no Ray cluster answers"):
            on_ray(address, photos, MINI)
    with pytest.raises(OptionError, match="not the head"):
        on_ray(f"{host}:{port}", photos, MINI)
    for address in ("", "auto", "ray://127.0.0.1:10001", "127.0.0.1", "127.0.0.1:port"):
        with pytest.raises(OptionError, match="not understood"):
            on_ray(address, photos, MINI)


def test_options_that_make_no_sense(photos):
    with pytest.raises(OptionError, match="at least 1"):
        on_ray("local", photos, MINI, workers=0)
    with pytest.raises(RecoError, match="unknown preset"):
        on_ray("local", photos, "minni")
