"""The embeddings on disk, against naive numpy."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import faiss
import numpy as np
import pytest
from support.recorder import Recorder

from reco_core.archives import vectors
from reco_core.archives.vectors import LEAST, SHORTLIST, TOP, Vectors, write_vectors
from reco_core.errors import ArchiveError, Cancelled, OptionError

(MINI,) = (Path(__file__).parents[2] / "archives" / "mini").glob("embeddings-*.faiss")


@pytest.fixture(autouse=True)
def one_thread():
    """FAISS's threads wait for one another, which takes minutes on a machine that is busy with other tests."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    yield
    faiss.omp_set_num_threads(before)


def clustered(count: int, dimension: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(7).standard_normal((20, dimension))
    rows = centres[rng.integers(20, size=count)] + rng.standard_normal((count, dimension))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def naive(embeddings: np.ndarray, query: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    similarity = embeddings.astype(np.float64) @ query
    rows = np.argsort(-similarity, kind="stable")[:k]
    return similarity[rows], rows


def written(embeddings: np.ndarray, folder: Path, **options) -> Vectors:
    files = write_vectors(embeddings, folder, **options).files
    return Vectors(files["embeddings"], files.get("ivf"))


def agree(found: tuple[np.ndarray, np.ndarray], embeddings: np.ndarray, query: np.ndarray) -> None:
    """Same similarities as the naive ones, of rows that have them."""
    true = naive(embeddings, query, 50)[0]
    np.testing.assert_allclose(found[0], true, atol=2e-6)
    np.testing.assert_allclose(embeddings[found[1]] @ query, true, atol=2e-6)
    assert len(set(found[1])) == 50
    assert (found[0].dtype, found[1].dtype) == (np.float32, np.int64)


@pytest.mark.parametrize("dimension", [1, 7, 64, 100])
@pytest.mark.parametrize(("precision", "tolerance"), [("fp16", 1e-3), ("int8", 1e-2)])
def test_exact_search_is_naive_search(tmp_path, dimension, precision, tolerance):
    embeddings = clustered(500, dimension)
    opened = written(embeddings, tmp_path, precision=precision)
    assert (len(opened), opened.dimension) == embeddings.shape
    stored = opened.take(np.arange(500))
    np.testing.assert_allclose(stored, embeddings, atol=tolerance)
    for query in clustered(5, dimension, seed=1):
        agree(opened.search(query, 50), stored, query)


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_file_is_the_one_that_faiss_writes(tmp_path, monkeypatch, precision):
    monkeypatch.setattr(vectors, "BLOCK", 100)
    embeddings = clustered(333, 24)
    file = write_vectors(embeddings, tmp_path, precision=precision).files["embeddings"]
    kind = {"fp16": faiss.ScalarQuantizer.QT_fp16, "int8": faiss.ScalarQuantizer.QT_8bit}[precision]
    index = faiss.IndexScalarQuantizer(24, kind, faiss.METRIC_INNER_PRODUCT)
    index.train(embeddings)
    index.add(embeddings)
    faiss.write_index(index, str(tmp_path / "plain"))
    assert file.read_bytes() == (tmp_path / "plain").read_bytes()


def test_ranges_of_threads_change_nothing(tmp_path, monkeypatch):
    embeddings = clustered(1001, 32)
    opened = written(embeddings, tmp_path)
    queries = clustered(10, 32, seed=1)
    whole = [opened.search(query, 50) for query in queries]
    monkeypatch.setattr(vectors, "RANGE", 10)  # fewer rows than results
    monkeypatch.setattr(faiss, "omp_get_max_threads", lambda: 50)
    for query, (similarity, rows) in zip(queries, whole, strict=True):
        found = opened.search(query, 50)
        np.testing.assert_array_equal(found[0], similarity)
        np.testing.assert_array_equal(found[1], rows)


@pytest.mark.parametrize("k", [1, 5, 30, 150, 299, 300])
@pytest.mark.parametrize("parts", [1, 4])
def test_of_equal_vectors_the_lower_rows_come_first(tmp_path, monkeypatch, k, parts):
    monkeypatch.setattr(vectors, "RANGE", 300 // parts)
    monkeypatch.setattr(faiss, "omp_get_max_threads", lambda: parts)
    kinds = np.eye(3, 8, dtype=np.float32)
    embeddings = kinds[np.random.default_rng(0).permutation(300) % 3]
    query = np.array([0.6, 0.8, 0, 0, 0, 0, 0, 0], np.float32)
    _, rows = written(embeddings, tmp_path).search(query, k)
    np.testing.assert_array_equal(rows, naive(embeddings, query, k)[1])


# 13: a prime; 100: no multiple of 8, the channels per byte
@pytest.mark.parametrize(("dimension", "precision"), [(13, "fp16"), (64, "int8"), (100, "fp16")])
def test_inverted_lists_find_most_and_rank_exactly(tmp_path, dimension, precision):
    embeddings = clustered(5000, dimension)
    result = write_vectors(embeddings, tmp_path, precision=precision, exact_up_to=4999)
    assert set(result.files) == {"embeddings", "ivf"}
    opened = Vectors(result.files["embeddings"], result.files["ivf"])
    shares = []
    for query in clustered(50, dimension, seed=1):
        found, true = opened.search(query, TOP), opened.search(query, TOP, exact=True)
        shares.append(np.isin(true[1], found[1]).mean())
        both = np.intersect1d(found[1], true[1], return_indices=True)
        np.testing.assert_array_equal(found[0][both[1]], true[0][both[2]])
        assert (np.diff(found[0]) <= 0).all()
    assert np.mean(shares) > 0.8
    assert result.recall == pytest.approx(np.mean(shares), abs=0.05)


def test_recall_is_that_of_new_queries(tmp_path, monkeypatch):
    monkeypatch.setattr(vectors, "SHORTLIST", TOP)  # so that it is low
    monkeypatch.setattr(vectors, "PER_RESULT", 1)
    embeddings = clustered(3000, 32)
    result = write_vectors(embeddings, tmp_path, exact_up_to=0)
    opened = Vectors(result.files["embeddings"], result.files["ivf"])
    pairs = ((opened.search(q, TOP)[1], naive(embeddings, q, TOP)[1]) for q in clustered(100, 32, seed=1))
    recall = np.mean([np.isin(true, found).mean() for found, true in pairs])
    assert recall < 0.9
    assert result.recall == pytest.approx(recall, abs=0.05)


def test_inverted_lists_are_used_unless_exact(tmp_path):
    embeddings = clustered(4000, 16)
    ivf = write_vectors(embeddings, tmp_path, exact_up_to=0).files["ivf"]
    reversed_file = write_vectors(embeddings[::-1], tmp_path).files["embeddings"]  # its lists would be others
    opened, query = Vectors(reversed_file, ivf), embeddings[0]
    true = opened.search(query, 50, exact=True)[1]
    np.testing.assert_array_equal(true, Vectors(reversed_file).search(query, 50)[1])
    assert np.isin(true, opened.search(query, 50)[1]).mean() < 0.8


def test_more_than_the_lists_hold_and_more_than_the_shortlist(tmp_path):
    embeddings = clustered(4000, 16)
    opened = written(embeddings, tmp_path, exact_up_to=0)
    query = clustered(1, 16, seed=1)[0]
    for k in (SHORTLIST + 1, 4000, 5000):
        similarity, rows = opened.search(query, k)
        assert len(rows) == len(set(rows)) == min(k, 4000)
        assert (np.diff(similarity) <= 0).all()
    np.testing.assert_array_equal(rows, opened.search(query, 4000, exact=True)[1])


@pytest.mark.parametrize("count", [1, 2, 49, LEAST - 1])
def test_few_vectors_are_searched_exactly(tmp_path, count):
    embeddings = clustered(count, 16)
    result = write_vectors(embeddings, tmp_path, exact_up_to=0)
    assert set(result.files) == {"embeddings"}
    assert result.recall is None
    opened = Vectors(result.files["embeddings"])
    similarity, rows = opened.search(embeddings[-1], 50)
    assert len(similarity) == len(rows) == min(count, 50)
    assert rows[0] == count - 1


def test_as_few_as_a_quantiser_can_be_learned_from_and_all_equal(tmp_path):
    embeddings = np.repeat(clustered(1, 16), LEAST, axis=0)
    result = write_vectors(embeddings, tmp_path, exact_up_to=0)
    assert set(result.files) == {"embeddings", "ivf"}
    opened = Vectors(result.files["embeddings"], result.files["ivf"])
    np.testing.assert_array_equal(opened.search(embeddings[0], 50, exact=True)[1], np.arange(50))


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_same_input_same_bytes(tmp_path, precision):
    faiss.omp_set_num_threads(2)
    embeddings = clustered(LEAST, 8)
    np.save(tmp_path / "input.npy", embeddings)
    both = []
    for name, given in (("a", embeddings), ("b", np.load(tmp_path / "input.npy", mmap_mode="r"))):
        (tmp_path / name).mkdir()
        both.append(write_vectors(given, tmp_path / name, precision=precision, exact_up_to=0))
    assert both[0].recall == both[1].recall
    for role, file in both[0].files.items():
        assert file.read_bytes() == both[1].files[role].read_bytes()


def test_progress_counts_every_row_once_per_file(tmp_path, monkeypatch):
    monkeypatch.setattr(vectors, "BLOCK", 1000)
    for limit, total in ((2500, 2500), (2499, 5000)):  # rows, and rows again for the lists
        control = Recorder()
        write_vectors(clustered(2500, 8), tmp_path, exact_up_to=limit, control=control)
        counted = [done for _, done, _ in control.reports]
        assert counted == sorted(set(counted))
        assert control.reports == [("indexing photos", done, total) for done in counted]
        assert counted[-1] == total


def test_cancelling_between_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(vectors, "BLOCK", 1000)
    control = Recorder(2)
    with pytest.raises(Cancelled, match="indexing photos was cancelled"):
        write_vectors(clustered(2500, 8), tmp_path, control=control)
    assert len(control.reports) == 2


def test_threads_may_search_at_the_same_time(tmp_path, monkeypatch):
    monkeypatch.setattr(vectors, "RANGE", 1000)
    monkeypatch.setattr(faiss, "omp_get_max_threads", lambda: 2)
    opened = written(clustered(3000, 32), tmp_path, exact_up_to=0)
    queries = clustered(40, 32, seed=1)

    def both(query: np.ndarray) -> np.ndarray:
        return np.concatenate([opened.search(query, 20, exact=exact)[1] for exact in (True, False)])

    alone = [both(query) for query in queries]
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(both, [*queries] * 5))
    for found, rows in zip(together, alone * 5, strict=True):
        np.testing.assert_array_equal(found, rows)


def test_bundled_file_is_read():
    opened = Vectors(MINI)
    assert (len(opened), opened.dimension) == (7053, 384)
    plain = faiss.read_index(str(MINI)).reconstruct_n(0, 7053)
    np.testing.assert_array_equal(opened.take(np.array([5, 7052, 0])), plain[[5, 7052, 0]])
    for query in clustered(5, 384):
        agree(opened.search(query, 50), plain, query)


def test_take_keeps_order_and_repeats(tmp_path):
    embeddings = clustered(100, 8)
    opened = written(embeddings, tmp_path)
    np.testing.assert_allclose(opened.take(np.array([99, 3, 3, 0])), embeddings[[99, 3, 3, 0]], atol=1e-3)
    assert opened.take(np.array([1])).dtype == np.float32
    assert opened.take(np.array([], int)).shape == (0, 8)
    for wrong in (-1, 100):
        with pytest.raises(ArchiveError, match="no such row"):
            opened.take(np.array([0, wrong]))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_embeddings_must_be_finite(tmp_path, bad, precision):
    embeddings = clustered(100, 8)
    embeddings[42, 3] = bad
    with pytest.raises(ArchiveError, match="row 42"):
        write_vectors(embeddings, tmp_path, precision=precision)


def test_bad_arguments(tmp_path):
    embeddings = clustered(100, 8)
    for shape in ((0, 8), (8,), (2, 2, 2), (3, 0)):
        with pytest.raises(ArchiveError, match="no embeddings"):
            write_vectors(np.zeros(shape, np.float32), tmp_path)
    with pytest.raises(OptionError, match="int8"):
        write_vectors(embeddings, tmp_path, precision="int4")
    opened = written(embeddings, tmp_path)
    for query in (np.ones(9), np.ones((1, 8)), np.full(8, np.nan)):
        with pytest.raises(ArchiveError, match="query"):
            opened.search(query, 5)
    with pytest.raises(OptionError, match="k = 0"):
        opened.search(embeddings[0], 0)


@pytest.mark.parametrize("role", ["embeddings", "ivf"])
def test_damaged_files_are_refused(tmp_path, role):
    files = dict(write_vectors(clustered(2000, 16), tmp_path, exact_up_to=0).files)
    content = files[role].read_bytes()
    for left in (0, 3, 50, 100, len(content) // 2, len(content) - 1):
        files[role].write_bytes(content[:left])
        with pytest.raises(ArchiveError, match=files[role].name):
            Vectors(files["embeddings"], files["ivf"])
    for wrong in (b"nonsense" * 1000, content[:9] + b"\x7f" + content[10:]):
        files[role].write_bytes(wrong)
        with pytest.raises(ArchiveError):
            Vectors(files["embeddings"], files["ivf"])
    files[role].unlink()
    with pytest.raises(ArchiveError, match=files[role].name):
        Vectors(files["embeddings"], files["ivf"])


def test_files_of_another_kind_are_refused(tmp_path):
    embeddings = clustered(2000, 16)
    files = write_vectors(embeddings, tmp_path, exact_up_to=0).files
    distance = faiss.IndexScalarQuantizer(16, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_L2)
    coarse = faiss.IndexScalarQuantizer(16, faiss.ScalarQuantizer.QT_4bit, faiss.METRIC_INNER_PRODUCT)
    for index in (distance, coarse, faiss.IndexFlatIP(16)):
        index.train(embeddings)
        index.add(embeddings)
        faiss.write_index(index, str(tmp_path / "wrong"))
        with pytest.raises(ArchiveError, match="wrong"):
            Vectors(tmp_path / "wrong")
    for wrong in ((files["ivf"], None), (files["embeddings"], files["embeddings"])):
        with pytest.raises(ArchiveError, match="another kind"):
            Vectors(*wrong)
    (tmp_path / "fewer").mkdir()
    fewer = write_vectors(embeddings[:-1], tmp_path / "fewer").files["embeddings"]
    with pytest.raises(ArchiveError, match="belongs to other embeddings"):
        Vectors(fewer, files["ivf"])


def test_vectors_that_were_damaged_into_nan_are_no_result(tmp_path):
    files = write_vectors(clustered(10, 8), tmp_path).files
    content = files["embeddings"].read_bytes()
    files["embeddings"].write_bytes(content[:-160] + b"\xff" * 160)
    with pytest.raises(ArchiveError, match="not finite"):
        Vectors(files["embeddings"]).search(clustered(1, 8)[0], 5)
