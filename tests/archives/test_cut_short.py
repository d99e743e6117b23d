"""An archive that is cut short while it is served: an error, not the end of the program (SIGBUS)."""

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from reco_core.archives import vectors
from reco_core.archives.arrays import Rows, write_array
from reco_core.archives.vectors import Vectors, write_vectors
from reco_core.errors import ArchiveError
from reco_core.utils.paths import find_folder

ROOT = Path(__file__).resolve().parents[2]
SERVED = """
    import os, sys
    from pathlib import Path
    import numpy as np
    from reco_core.archives.archive import Archive
    from reco_core.errors import RecoError
    archive = Archive(Path(sys.argv[1]))
    rows = np.arange(0, len(archive), 7)
    archive.features(rows[:3])
    for file in Path(sys.argv[1]).iterdir():
        os.truncate(file, 0)
    for read in (archive.features, archive.language, archive.embeddings):
        try:
            read(rows)
        except RecoError as error:
            assert "damaged" in str(error), error
            print("refused")
    archive.search(archive.embeddings(np.array([5]))[0], 3)
    [stats.mean.sum() + stats.covariance.sum() for stats in archive.stats.values()]
    print("alive")
"""


def test_rows_are_those_of_the_file_until_it_is_cut_short(tmp_path):
    values = np.arange(60, dtype=np.uint8).reshape(5, 3, 4)
    file = write_array(iter([values]), 5, tmp_path / "a.npy")
    rows = Rows(file)
    assert (len(rows), rows.shape, rows.ndim, rows.dtype) == (5, (5, 3, 4), 3, np.uint8)
    np.testing.assert_array_equal(rows[np.array([4, 0, 4])], values[[4, 0, 4]])
    assert rows[np.array([], int)].shape == (0, 3, 4)
    np.testing.assert_array_equal(rows[4], values[4])
    for nowhere in (-1, 5, np.array([0, 5])):
        with pytest.raises(IndexError):
            rows[nowhere]
    os.truncate(file, file.stat().st_size - 1)
    np.testing.assert_array_equal(rows[np.array([0])], values[:1])
    with pytest.raises(ValueError, match="cut short"):
        rows[np.array([4])]


@pytest.mark.parametrize("held", [True, False])
def test_vectors(tmp_path, monkeypatch, held):
    """Small ones are in memory, so nothing happens to them; large ones are refused."""
    monkeypatch.setattr(vectors, "HELD", 10**9 if held else 0)
    given = np.random.default_rng(0).normal(size=(500, 16)).astype(np.float32)
    given /= np.linalg.norm(given, axis=1, keepdims=True)
    file = write_vectors(given, tmp_path).files["embeddings"]
    opened = Vectors(file)
    before = opened.search(given[3], 5)[1]
    os.truncate(file, 100)
    if held:
        np.testing.assert_array_equal(opened.search(given[3], 5)[1], before)
        return
    for use in (lambda: opened.search(given[3], 5), lambda: opened.take(np.array([0]))):
        with pytest.raises(ArchiveError, match="cut short"):
            use()


def test_a_whole_archive(tmp_path):
    folder = Path(shutil.copytree(find_folder("archives/mini"), tmp_path / "mini"))
    command = [sys.executable, "-c", textwrap.dedent(SERVED), str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr  # of SIGBUS it would be -7
    assert done.stdout.split() == ["refused", "refused", "alive"]
