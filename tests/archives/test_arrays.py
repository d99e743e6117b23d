"""Arrays on disk: NumPy's own files, byte for byte, read by any number of threads."""

import threading

import numpy as np
import pytest

from reco_core.archives.arrays import open_array, write_array
from reco_core.utils.paths import bundled_folder


@pytest.mark.parametrize(
    "array",
    [
        np.arange(24, dtype=np.uint8).reshape(4, 3, 2),
        np.linspace(0, 1, 30, dtype=np.float32).reshape(10, 3),
        np.arange(5, dtype=np.uint64),
        np.zeros((3, 100, 7), np.float16),
    ],
)
def test_written_in_blocks_it_is_what_numpy_writes(array, tmp_path):
    np.save(tmp_path / "numpy.npy", array)
    blocks = (array[i : i + 2] for i in range(0, len(array), 2))
    write_array(blocks, len(array), tmp_path / "ours.npy")
    assert (tmp_path / "ours.npy").read_bytes() == (tmp_path / "numpy.npy").read_bytes()
    opened = open_array(tmp_path / "ours.npy")
    assert opened.dtype == array.dtype
    np.testing.assert_array_equal(opened, array)
    with pytest.raises(ValueError, match="read-only"):
        opened[0] = 0


def test_the_bundled_archive_is_read_as_numpy_reads_it():
    for name in ("features", "language"):
        (file,) = (bundled_folder() / "archives" / "mini").glob(f"{name}-*.npy")
        np.testing.assert_array_equal(open_array(file), np.load(file, mmap_mode="r"))


def test_what_is_no_plain_array(tmp_path):
    np.save(tmp_path / "objects.npy", np.array([{}, 1], dtype=object), allow_pickle=True)
    np.save(tmp_path / "fortran.npy", np.asfortranarray(np.ones((3, 4))))
    np.save(tmp_path / "short.npy", np.ones((30, 40)))
    (tmp_path / "short.npy").write_bytes((tmp_path / "short.npy").read_bytes()[:-1])
    (tmp_path / "text.npy").write_text("no array at all")
    (tmp_path / "empty.npy").write_bytes(b"")
    for name, says in {"short": "greater than file size"}.items() | dict.fromkeys(
        ("objects", "fortran", "text", "empty"), "it is no .npy file of a plain array"
    ).items():
        with pytest.raises(ValueError, match=says):
            open_array(tmp_path / f"{name}.npy")
    with pytest.raises(ValueError, match="3 rows instead of 4"):
        write_array(iter([np.ones(2), np.ones(1)]), 4, tmp_path / "new.npy")


def test_many_threads_open_at_once(tmp_path):
    file = write_array(iter([np.arange(12, dtype=np.uint8).reshape(2, 3, 2)]), 2, tmp_path / "a.npy")
    problems: list[Exception] = []

    def read() -> None:
        try:
            for _ in range(300):
                assert open_array(file).sum() == 66
        except Exception as error:
            problems.append(error)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
