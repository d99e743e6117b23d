"""Builds that stop half-way go on, and end in the same bytes."""

import itertools
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from filelock import FileLock

from reco_core.archives import embedding
from reco_core.archives.archive import Archive
from reco_core.archives.writer import write_archive
from reco_core.errors import ArchiveError, Cancelled
from reco_core.photo_sources.factory import open_source
from reco_core.utils.paths import bundled_folder
from reco_core.utils.run_control import RunControl


@pytest.fixture(scope="module", autouse=True)
def small_batches():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedding, "BATCH", 4)
        yield


@pytest.fixture(scope="module")
def photos(photo_folder, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("build") / "photos"
    folder.mkdir()
    for file in photo_folder.glob("*_[012].jpg"):
        shutil.copy(file, folder)
    (folder / "damaged.jpg").write_bytes(b"\xff\xd8 not a photo")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture(scope="module")
def whole(photos, reco, tmp_path_factory) -> dict[str, bytes]:
    """The archive as one uninterrupted run makes it."""
    folder = tmp_path_factory.mktemp("uninterrupted") / "whole"
    write_archive(folder, open_source(photos), reco.encoder)
    return contents(folder)


def stop_after(batches: int) -> RunControl:
    """Four batches are embedded to learn codecs from; then each is compressed."""
    calls = itertools.count(1)

    def listen(stage: str, done: int, total: int) -> None:
        if next(calls) == batches:
            raise Cancelled("stopped")

    return RunControl(listen)


@pytest.mark.parametrize("batches", [1, 3, 4, 6, 8])
def test_a_cancelled_build_goes_on_and_ends_in_the_same_bytes(photos, reco, whole, tmp_path, batches, monkeypatch):
    out = tmp_path / "out"
    with pytest.raises(Cancelled):
        write_archive(out, open_source(photos), reco.encoder, control=stop_after(batches))
    assert not out.exists()
    encoded: list[int] = []
    real = reco.encoder.encode_crops
    monkeypatch.setattr(reco.encoder, "encode_crops", lambda batch: encoded.append(len(batch)) or real(batch))
    write_archive(out, open_source(photos), reco.encoder)
    assert len(encoded) == max(0, 4 - batches)  # of four batches of four
    assert contents(out) == whole
    assert {p.name for p in tmp_path.iterdir()} == {"out", ".out.lock"}
    assert len(Archive(out)) == 15


def test_what_was_half_written_is_cut_off(photos, reco, whole, tmp_path):
    out, work = tmp_path / "out", tmp_path / ".out-building"
    with pytest.raises(Cancelled):
        write_archive(out, open_source(photos), reco.encoder, control=stop_after(6))
    for name in ("features", "embedding", "kept.jsonl"):
        with (work / name).open("ab") as file:
            file.write(b"torn")
    write_archive(out, open_source(photos), reco.encoder)
    assert contents(out) == whole


@pytest.mark.parametrize("damage", ["short", "state", "gone"])
def test_what_was_lost_is_done_again(photos, reco, whole, tmp_path, damage):
    out, work = tmp_path / "out", tmp_path / ".out-building"
    with pytest.raises(Cancelled):
        write_archive(out, open_source(photos), reco.encoder, control=stop_after(6))
    if damage == "short":
        (work / "language").write_bytes((work / "language").read_bytes()[:100])
    elif damage == "state":
        (work / "state.json").write_text('{"key": "tor')
    else:
        (work / "features").unlink()
    write_archive(out, open_source(photos), reco.encoder)
    assert contents(out) == whole


def test_other_photos_begin_anew(photos, reco, tmp_path):
    out, others = tmp_path / "out", shutil.copytree(photos, tmp_path / "others")
    with pytest.raises(Cancelled):
        write_archive(out, open_source(others), reco.encoder, control=stop_after(6))
    (others / "damaged.jpg").unlink()
    write_archive(out, open_source(others), reco.encoder)
    assert len(Archive(out)) == 15


def test_two_builders_do_not_meet(photos, reco, tmp_path):
    lock = FileLock(tmp_path / ".out.lock")
    holding, done = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            holding.set()
            done.wait(20)

    other = threading.Thread(target=hold)
    other.start()
    holding.wait(5)
    try:
        with pytest.raises(ArchiveError, match="another process is changing"):
            write_archive(tmp_path / "out", open_source(photos), reco.encoder)
    finally:
        done.set()
        other.join()


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on(photos, whole, tmp_path):
    """SIGKILL, again and again, at moments that nobody chose; at each of test_faults, which are chosen."""
    out, state, landed = tmp_path / "out", tmp_path / ".out-building" / "state.json", []
    code = (
        "import sys, pathlib; from reco_core.archives import embedding; embedding.BATCH = 4;"
        "from reco_core.photo_sources.factory import open_source; from reco_core.archives.writer import write_archive;"
        "from reco_core.models.encoders import load_encoder; from reco_core.presets import MINI;"
        "encoder = load_encoder(MINI, 'cpu'); print('ready', flush=True);"
        "write_archive(pathlib.Path(sys.argv[2]), open_source(sys.argv[1]), encoder)"
    )
    command = [sys.executable, "-c", code, str(photos), str(out)]
    environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
    for delay in (0.02, 0.1, 0.2, 0.3, 0.4, 0.5):
        with subprocess.Popen(
            command, cwd=bundled_folder(), env=environment, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(delay)
            process.send_signal(signal.SIGKILL)
        landed.append(state.exists() and not out.exists())
    assert any(landed), "no kill came while it was building"
    done = subprocess.run(command, cwd=bundled_folder(), env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert contents(out) == whole
