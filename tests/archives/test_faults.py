"""What happens to archives when programs are killed and disks are full."""

import errno
import io
import itertools
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

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
EVENTS = ("open", "os.", "shutil.", "mmap.")  # audit events around which something may be half done


class PixelEncoder:
    """Knows a photo by its pixels: quick, and all that archives need of an encoder."""

    preset, hash, names, archive_side = SimpleNamespace(name="pixels"), "0" * 64, None, 224

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
    done = len(Archive(folder)) > 24  # when the program was killed
    with pytest.raises(ArchiveError, match="no photo is new") if done else nullcontext():
        add_photos(folder, open_source(root / "second"), PixelEncoder())


def remove(folder: Path, root: Path) -> None:
    done = not any(record.file.startswith("cat") for record in Archive(folder).records)
    with pytest.raises(ArchiveError, match="no photo of the archive is meant") if done else nullcontext():
        remove_photos(folder, lambda record: record.file.startswith("cat"))


OPERATIONS = {"build": build, "add": add, "remove": remove}


def work(name: str, folder: Path, root: Path, begun, at: int, count) -> None:
    """Do it; kill this process at its `at`-th step, counted by what it asks of the file system. count: how many."""
    embedding.BATCH = 4
    torch.set_num_threads(1)
    begun.set()

    def step(event: str, arguments: tuple) -> None:
        if event.startswith(EVENTS):
            count.value += 1
            if count.value == at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(step)
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


class Run(NamedTuple):
    seconds: float
    steps: int


def run(processes, name: str, folder: Path, root: Path, seconds: float | None = None, at: int = 0) -> Run:
    """Let a process do it; kill it so many seconds after it began, or let it kill itself at a step."""
    begun, count = processes.Event(), processes.Value("i", 0, lock=False)  # a killed process would keep the lock
    process = processes.Process(target=work, args=(name, folder, root, begun, at, count))
    process.start()
    assert begun.wait(60)
    started = time.monotonic()
    process.join(seconds)
    if process.exitcode is None and seconds is not None:
        process.kill()
        process.join()
        assert process.exitcode in (0, -signal.SIGKILL)  # 0: done in that very moment
    else:
        assert process.exitcode == (-signal.SIGKILL if at else 0)
    return Run(time.monotonic() - started, count.value)


class Story:
    """An archive that is built, added to and taken from: before each operation, after it, and what it costs."""

    def __init__(self, processes, root: Path, folder: Path) -> None:
        self.processes, self.root = processes, root
        self.before: dict[str, Path | None] = {"build": None}
        self.expected: dict[str, dict[str, bytes]] = {}
        self.spent: dict[str, Run] = {}
        state = folder / "state"
        for name, following in (("build", "add"), ("add", "remove"), ("remove", "")):
            self.spent[name] = run(processes, name, state, root)
            self.expected[name] = contents(state)
            self.before[following] = shutil.copytree(state, folder / f"before_{following}")

    def kill(self, name: str, folder: Path, **when) -> bool:
        """Kill an operation and repeat it, in a new folder; whether the kill came before it was done."""
        folder.parent.mkdir(parents=True)
        start = self.before[name]
        if start is not None:
            shutil.copytree(start, folder)
        run(self.processes, name, folder, self.root, **when)
        undone = not (folder / "manifest.json").exists()
        if not undone:
            manifest = read_manifest(folder)
            assert not list(check(folder, manifest, every_byte=True))  # before or after, and all of it
            named = {*manifest.named, "manifest.json"}
            there = {file: data for file, data in contents(folder).items() if file in named}
            states = [self.expected[name], *([contents(start)] if start else [])]
            assert there in states
            undone = start is not None and there == states[-1]
        run(self.processes, name, folder, self.root)
        assert contents(folder) == self.expected[name]
        assert not (folder.parent / f".{folder.name}-building").exists()
        return undone


@pytest.fixture(scope="module")
def story(processes, root, tmp_path_factory) -> Story:
    return Story(processes, root, tmp_path_factory.mktemp("story"))


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_kill_between_any_two_steps_loses_nothing(story, tmp_path, name):
    """SIGKILL at moments all through an operation; repeated, every byte is as if nothing had happened."""
    steps = story.spent[name].steps
    undone = [
        story.kill(name, tmp_path / str(share) / "archive", at=1 + round(share * (steps - 1)))
        for share in (0.02, 0.35, 0.7, 1)
    ]
    assert undone[0]
    assert steps > 40


def test_what_a_kill_left_is_dropped_by_the_next_change(story, root, tmp_path):
    """A program that is killed after a change was done and before it tidied up."""
    folder = shutil.copytree(story.before["remove"], tmp_path / "archive")
    left = tmp_path / ".archive-building"
    left.mkdir()
    (left / "state.json").write_text('{"key": "of the photos that were added"}')
    (left / "embedding.bin").write_bytes(bytes(1000))
    with pytest.raises(ArchiveError, match="no photo is new"):
        add_photos(folder, open_source(root / "second"), PixelEncoder())
    assert not left.exists()
    assert contents(folder) == contents(story.before["remove"])


def test_what_a_killed_removal_left_goes_with_the_next_try(story, tmp_path):
    """Whoever removes photos wants nothing of theirs to stay; the removal was done, but old files were still there."""
    folder = shutil.copytree(story.before["remove"], tmp_path / "archive")
    for name, data in story.expected["remove"].items():
        (folder / name).write_bytes(data)
    assert contents(folder) != story.expected["remove"]
    remove(folder, tmp_path)
    assert contents(folder) == story.expected["remove"]


@pytest.mark.slow
def test_fifty_kills_lose_nothing(story, tmp_path):
    """The same at moments that nobody chose."""
    chance = random.Random(5)
    undone = 0
    for turn in range(KILLS):
        name = list(OPERATIONS)[turn % 3]
        undone += story.kill(
            name, tmp_path / str(turn) / "archive", seconds=chance.uniform(0, story.spent[name].seconds)
        )
    assert undone > KILLS // 10  # the kills came in time


class SmallDisk:
    """A file system of so many kilobytes; where no one may mount one, files that take no more than that in all."""

    def __init__(self, place: Path, kilobytes: int, patch: pytest.MonkeyPatch) -> None:
        self.place, self.free, self.patch = place, 1024 * kilobytes, patch
        place.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(place)]
        self.mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
        assert self.mounted or os.geteuid(), "root may mount"

    def fill(self, size: int) -> None:
        """So many bytes are taken. From now on it matters."""
        if self.mounted:
            return
        self.free -= size
        disk, opened = self, Path.open

        class Limited(io.FileIO):
            def write(self, data) -> int:
                disk.free -= len(data)
                if disk.free < 0:
                    raise OSError(errno.ENOSPC, "No space left on device", str(disk.place))
                return super().write(data)

        def limited(path: Path, mode: str = "r", *rest, encoding=None, **options):
            if "r" in mode or disk.place not in path.parents:
                return opened(path, mode, *rest, encoding=encoding, **options)
            raw = Limited(path, mode.replace("b", ""))
            return raw if "b" in mode else io.TextIOWrapper(raw, encoding, write_through=True)

        self.patch.setattr(Path, "open", limited)

    def enlarge(self) -> None:
        self.free = 64 << 20
        if self.mounted:
            subprocess.run(["mount", "-o", "remount,size=64m", str(self.place)], check=True)

    def close(self) -> None:
        if self.mounted:
            subprocess.run(["umount", "--lazy", str(self.place)], check=True)  # files of a failed test may be open


@pytest.fixture
def small_disk(tmp_path, monkeypatch) -> Iterator[Callable[[int], SmallDisk]]:
    made: list[SmallDisk] = []

    def make(kilobytes: int) -> SmallDisk:
        made.append(SmallDisk(tmp_path / "disk", kilobytes, monkeypatch))
        return made[-1]

    yield make
    for disk in made:
        disk.close()


@pytest.mark.parametrize("free", [40, 120, 200, 280, 340])
def test_a_full_disk_loses_nothing(root, small_disk, tmp_path, free):
    """Whatever an addition has written when the disk is full, the archive stays as it was, and the addition goes on."""
    build(tmp_path / "archive", root)
    size = sum(file.stat().st_size for file in (tmp_path / "archive").iterdir()) // 1024
    disk = small_disk(size + 60 + free)
    archive = shutil.copytree(tmp_path / "archive", disk.place / "archive")
    disk.fill(1024 * (size + 60))
    before = contents(archive)
    with pytest.raises(ArchiveError, match=r"could not be written.*No space left|No space left"):
        add(archive, root)
    assert contents(archive) == before
    assert len(Archive(archive)) == 24
    disk.enlarge()
    add(archive, root)
    assert len(Archive(archive)) > 24
    assert not list(check(archive, read_manifest(archive), every_byte=True))


def test_a_full_disk_stops_a_build(root, small_disk):
    disk = small_disk(300)
    disk.fill(0)
    with pytest.raises(ArchiveError, match="No space left"):
        build(disk.place / "archive", root)
    assert not (disk.place / "archive").exists()
