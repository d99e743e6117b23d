"""What happens to archives when programs are killed and disks are full."""

import itertools
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from reco_core.archives import embedding
from reco_core.archives.archive import Archive
from reco_core.archives.changes import add_photos, remove_photos
from reco_core.archives.manifest import check, read_manifest
from reco_core.archives.writer import write_archive
from reco_core.errors import ArchiveError
from reco_core.photo_sources.factory import open_source
from reco_core.types import Encoded

KILLS = 50


class PixelEncoder:
    """Knows a photo by its pixels: quick, and all that archives need of an encoder."""

    preset, hash, names = SimpleNamespace(name="pixels"), "0" * 64, None

    def crops(self, photo: np.ndarray) -> np.ndarray:
        return photo

    def encode_crops(self, photos: list[np.ndarray]) -> Encoded:
        small = [np.asarray(Image.fromarray(photo).resize((32, 32)), np.float32) / 255 for photo in photos]
        maps = torch.from_numpy(np.stack(small)).unflatten(2, (4, 8)).flatten(3).unflatten(1, (8, 4)).flatten(2, 3)
        maps = F.normalize(maps + 0.01, dim=-1)  # (B, 8, 16, 24)
        whole = torch.from_numpy(np.stack(small)).flatten(1)[:, ::16]
        return Encoded(F.normalize(whole, dim=-1), maps @ torch.eye(24, whole.shape[1]), maps)


def build(folder: Path, root: Path) -> None:
    write_archive(folder, open_source(root / "first"), PixelEncoder())


def add(folder: Path, root: Path) -> None:
    if len(Archive(folder)) == 24:  # else it was done when the program was killed
        add_photos(folder, open_source(root / "second"), PixelEncoder())


def remove(folder: Path, root: Path) -> None:
    if any(record.file.startswith("cat") for record in Archive(folder).records):
        remove_photos(folder, lambda record: record.file.startswith("cat"))


OPERATIONS = {"build": build, "add": add, "remove": remove}


def work(name: str, folder: Path, root: Path, begun) -> None:
    embedding.BATCH = 4
    torch.set_num_threads(1)
    begun.set()
    OPERATIONS[name](folder, root)


@pytest.fixture(scope="module")
def root(real_photos, tmp_path_factory) -> Path:
    """Two folders of photos: crops of real ones."""
    root = tmp_path_factory.mktemp("faults")
    for folder, shift in (("first", 0), ("second", 9)):
        (root / folder).mkdir()
        for (name, photo), i in itertools.product(real_photos.items(), range(5)):
            if (name, i) != ("rocket", 0):
                Image.fromarray(photo[shift + 23 * i :: 2, shift + 31 * i :: 2]).save(
                    root / folder / f"{name}_{shift}{i}.jpg"
                )
    return root


@pytest.fixture(scope="module")
def processes():
    """New processes in no time: a server has imported all and forks."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pytest", "reco_core.archives.changes", "reco_core.photo_sources.factory"])
    return context


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def run(processes, name: str, folder: Path, root: Path, seconds: float | None = None) -> float:
    """Let a process do it; kill it so many seconds after it began. Returns how long it took."""
    begun = processes.Event()
    process = processes.Process(target=work, args=(name, folder, root, begun))
    process.start()
    assert begun.wait(60)
    started = time.monotonic()
    process.join(seconds)
    if process.exitcode is None and seconds is not None:
        process.kill()
        process.join()
        assert process.exitcode in (0, -signal.SIGKILL)  # 0: done in that very moment
    else:
        assert process.exitcode == 0
    return time.monotonic() - started


def test_fifty_kills_lose_nothing(processes, root, tmp_path):
    """SIGKILL at moments that nobody chose; then resume, and every byte is as if nothing had happened."""
    before: dict[str, Path | None] = {"build": None}
    spent, expected = {}, {}
    state = tmp_path / "state"
    for name, following in (("build", "add"), ("add", "remove"), ("remove", "")):
        spent[name] = run(processes, name, state, root)
        expected[name] = contents(state)
        before[following] = shutil.copytree(state, tmp_path / f"before_{following}")
    chance = random.Random(5)
    interrupted = 0
    for turn in range(KILLS):
        name = list(OPERATIONS)[turn % 3]
        folder = tmp_path / "turns" / str(turn) / "archive"
        folder.parent.mkdir(parents=True)
        start = before[name]
        if start is not None:
            shutil.copytree(start, folder)
        run(processes, name, folder, root, seconds=chance.uniform(0, spent[name]))
        if (folder / "manifest.json").exists():
            manifest = read_manifest(folder)
            assert not list(check(folder, manifest, every_byte=True))  # before or after, and all of it
            there = {
                file: data for file, data in contents(folder).items() if file in {*manifest.named, "manifest.json"}
            }
            states = [expected[name], *([contents(start)] if start else [])]
            interrupted += there == states[-1] if start else 0
            assert there in states
        else:
            interrupted += 1
        run(processes, name, folder, root)
        assert contents(folder) == expected[name]
        assert not (folder.parent / ".archive-building").exists()
    assert interrupted > KILLS // 4  # the kills came in time


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Callable[[int], Path]]:
    """Makes a file system of so many kilobytes."""
    mounted: list[Path] = []
    if os.geteuid():
        pytest.skip("only root may mount a small disk")

    def make(kilobytes: int) -> Path:
        place = tmp_path / "disk"
        place.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(place)], check=True)
        mounted.append(place)
        return place

    yield make
    for place in mounted:
        subprocess.run(["umount", "--lazy", str(place)], check=True)  # files of a failed test may be open


@pytest.mark.parametrize("free", [40, 120, 200, 280, 340])
def test_a_full_disk_loses_nothing(root, small_disk, tmp_path, free):
    """Whatever an addition has written when the disk is full, the archive stays as it was, and the addition goes on."""
    build(tmp_path / "archive", root)
    size = sum(file.stat().st_size for file in (tmp_path / "archive").iterdir()) // 1024
    disk = small_disk(size + 60 + free)
    shutil.copytree(tmp_path / "archive", disk / "archive")
    before = contents(disk / "archive")
    with pytest.raises(ArchiveError, match=r"could not be written.*No space left|No space left"):
        add(disk / "archive", root)
    assert contents(disk / "archive") == before
    assert len(Archive(disk / "archive")) == 24
    subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
    add(disk / "archive", root)
    assert len(Archive(disk / "archive")) > 24
    assert not list(check(disk / "archive", read_manifest(disk / "archive"), every_byte=True))


def test_a_full_disk_stops_a_build(root, small_disk):
    disk = small_disk(300)
    with pytest.raises(ArchiveError, match="No space left"):
        build(disk / "archive", root)
    assert not (disk / "archive").exists()
