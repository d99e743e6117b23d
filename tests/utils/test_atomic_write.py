"""Files are there complete or not at all."""

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from reco_core.errors import NoSpaceError
from reco_core.utils.atomic_write import atomic_path, atomic_write
from reco_core.utils.disk_space import full_disk_told, is_full, require_space
from reco_core.utils.hashing import digest, sha256


@pytest.mark.parametrize("shared", [False, True])
def test_text_and_bytes_take_the_place_of_what_was_there(tmp_path, shared):
    file = tmp_path / "a.json"
    atomic_write(file, "grün\n", shared=shared)
    assert file.read_bytes() == "grün\n".encode()
    atomic_write(file, b"\x00\r\n", shared=shared)
    assert file.read_bytes() == b"\x00\r\n"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), ValueError(), KeyboardInterrupt()])
def test_what_fails_leaves_the_old_file_and_nothing_else(tmp_path, shared, error):
    file = tmp_path / "a.json"
    atomic_write(file, "old")
    with pytest.raises(type(error)), atomic_path(file, shared=shared) as part:
        part.write_text("half")
        raise error
    assert file.read_text() == "old" and list(tmp_path.iterdir()) == [file]


def test_nothing_is_written_where_nothing_can_be(tmp_path):
    with pytest.raises(FileNotFoundError):
        atomic_write(tmp_path / "missing" / "a", "text")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        atomic_write(tmp_path / "folder", "text")
    assert [file.name for file in tmp_path.iterdir()] == ["folder"]


def test_readers_see_the_old_file_until_the_new_one_is_complete(tmp_path):
    file = tmp_path / "a"
    atomic_write(file, "old")
    with atomic_path(file) as part:
        part.write_text("new")
        assert file.read_text() == "old" and part.parent == tmp_path
    assert file.read_text() == "new"


def test_a_killed_program_leaves_the_old_file_and_the_next_one_writes_over_its_half(tmp_path):
    file = tmp_path / "a"
    atomic_write(file, "old")
    code = (
        "import os, pathlib, sys; from reco_core.utils.atomic_write import atomic_path\n"
        "with atomic_path(pathlib.Path(sys.argv[1])) as part: part.write_text('half'); os._exit(9)"
    )
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", code, file], cwd=root, env=os.environ, check=False).returncode == 9
    assert file.read_text() == "old" and len(list(tmp_path.iterdir())) == 2
    atomic_write(file, "new")
    assert file.read_text() == "new" and list(tmp_path.iterdir()) == [file]


def test_several_may_write_the_same_file_at_once(tmp_path):
    file, problems = tmp_path / "a", []

    def write(text: str) -> None:
        try:
            for _ in range(50):
                atomic_write(file, 1000 * text, shared=True)
                if len(set(file.read_text())) != 1:
                    problems.append("mixed")
        except OSError as error:
            problems.append(error)

    threads = [threading.Thread(target=write, args=(text,)) for text in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems and list(tmp_path.iterdir()) == [file]


def test_full_disks_have_an_error_of_their_own(tmp_path):
    for code in (errno.ENOSPC, errno.EDQUOT):
        with pytest.raises(NoSpaceError, match=r"disk is full\..*what came so far is kept"), full_disk_told(tmp_path):
            raise OSError(code, "full")
    with pytest.raises(PermissionError), full_disk_told(tmp_path):
        raise PermissionError(errno.EACCES, "no")
    assert not is_full(ValueError()) and not is_full(OSError("of no number"))


def test_space_is_asked_for_before_it_is_needed(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), {"free": 2_000_000}))
    require_space(tmp_path, 2_000_000, "a test")
    with pytest.raises(NoSpaceError, match=r"not enough space for a test\. Given: 2 MB free in .*Expected: 3 MB"):
        require_space(tmp_path, 3_000_000, "a test")


def test_a_digest_is_of_the_text_whatever_pieces_it_comes_in(tmp_path):
    (tmp_path / "a").write_text("Käse", encoding="utf-8")
    assert digest("Käse") == sha256(tmp_path / "a") == digest(iter(["Kä", "se"]))
    assert digest("Käse", 16) == digest("Käse")[:16] and len(digest("")) == 64
