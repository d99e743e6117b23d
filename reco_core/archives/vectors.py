"""The global embeddings of an archive's photos: written to disk, opened without being read, searched.

    embeddings.faiss   every vector: FAISS scalar quantiser, inner product; half floats, or a byte per channel
    ivf.faiss          more than `EXACT` vectors: inverted lists of product-quantised residuals, which find a
                       shortlist that the vectors of the first file then rank (Jegou et al., Product Quantization
                       for Nearest Neighbor Search, PAMI 2011)

Up to `HELD` bytes are read into memory. What is larger is memory-mapped: opening takes no time, and pages that are
searched belong to the system's file cache; before each search its size is compared, since touching pages of a file
that was cut short would end the program. The exact search reads every vector, half the rows per thread on two; FAISS
itself searches for one query on one thread.

How the parts grow, for N vectors of D channels (measured: benchmarks/vectors.py):
    lists      2 sqrt(N), a power of two: finding the nearest lists costs lists * D, reading one N / lists
    probed     2 sqrt(lists) of them: 4 % of all vectors at a million, fewer of more
    bytes      one for 8 channels (or the next number that divides D): the residuals are coarse, the shortlist mends it
    shortlist  20 candidates for each of 50 results, 10 for each of more
"""

import logging
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from reco_core.errors import ArchiveError, OptionError, find
from reco_core.utils.run_control import RunControl

log = logging.getLogger(__name__)
EXACT = 1_000_000  # vectors up to which reading all of them is fast enough
PRECISIONS = {"fp16": faiss.ScalarQuantizer.QT_fp16, "int8": faiss.ScalarQuantizer.QT_8bit}
BLOCK = 16_384  # rows that are written at a time
HELD = 256_000_000  # bytes up to which a file is read as a whole
RANGE = 32_768  # rows below which a thread of its own does not pay
SHORTLIST = 1000
PER_RESULT = 10
CENTROIDS = 256  # of a byte
LEAST = 4 * CENTROIDS  # vectors from which a product quantiser can be learned
TRAINING = 64  # vectors per list that k-means sees; FAISS asks for 39 or more
HELD_OUT = 128  # vectors, not seen in training, that recall is measured with
TOP = 50  # recall is of the best 50
SEED = 0
REMEDY = "Build the archive again, or fetch it again"


@dataclass(frozen=True)
class WrittenVectors:
    """files: by role, "embeddings" and, if there are inverted lists, "ivf". recall: see `write_vectors`."""

    files: dict[str, Path]
    recall: float | None


def write_vectors(
    embeddings: np.ndarray,
    folder: Path,
    *,
    precision: str = "fp16",
    exact_up_to: int = EXACT,
    control: RunControl | None = None,
) -> WrittenVectors:
    """Write the files that `Vectors` opens into an existing folder; the same bytes for the same input.

    embeddings: (N, D), float32, rows of norm 1, N at least 1; may be a memmap, is read block by block. What is held
        in memory are the sample that the lists are learned from, `TRAINING` vectors each, and N (D / 8 + 8) bytes.
    precision: "fp16" (2 bytes per channel) or "int8" (1; each channel between its least and greatest value).
    exact_up_to: for more vectors than this inverted lists are added, but never for fewer than `LEAST`.
    control: told of the rows done and their total; each row counts again for the inverted lists.

    Returns the files and, with inverted lists, recall@50: which part of the 50 nearest vectors the search finds, in
    the mean over `HELD_OUT` vectors that the lists were not learned from, each without itself.

    Raises:
        ArchiveError: the array is empty, not two-dimensional, or has values that are not finite.
        OptionError: there is no such precision.
        OSError: the files cannot be written. Cancelled: `control` was cancelled.
    """
    control = control or RunControl()
    kind = find(precision, PRECISIONS, "precision")
    if embeddings.ndim != 2 or 0 in embeddings.shape:
        raise ArchiveError("these are no embeddings", given=f"shape {embeddings.shape}", expected="(N, D), N, D >= 1")
    listed = len(embeddings) > exact_up_to and len(embeddings) >= LEAST
    total = len(embeddings) * (1 + listed)
    files = {"embeddings": Path(folder) / "embeddings.faiss"}
    _write_exact(embeddings, kind, files["embeddings"], control, total)
    if not listed:
        return WrittenVectors(files, None)
    files["ivf"] = Path(folder) / "ivf.faiss"
    shuffled = np.random.default_rng(SEED).permutation(len(embeddings))
    _write_ivf(embeddings, shuffled[HELD_OUT:], files["ivf"], control)
    recall = _recall(Vectors(files["embeddings"], files["ivf"]), embeddings, shuffled[:HELD_OUT])
    log.info("inverted lists over %d vectors: recall@%d %.3f", len(embeddings), TOP, recall)
    return WrittenVectors(files, recall)


class Vectors:
    """Opened embeddings; immutable, so that any number of threads can search them."""

    def __init__(self, embeddings: Path, ivf: Path | None = None) -> None:
        """Open the files of `write_vectors`; any FAISS scalar quantiser, inner product, of fp16 or int8 will do.

        Raises:
            ArchiveError: a file is missing, cut short, of another kind, or the two do not belong together.
        """
        self._file = embeddings
        self._mapped = {file: size for file in (embeddings, ivf) if file and (size := _size(file)) > HELD}
        flags = faiss.IO_FLAG_MMAP_IFC if embeddings in self._mapped else 0
        self._exact = _open(embeddings, faiss.IndexScalarQuantizer, flags)
        if self._exact.sq.qtype not in PRECISIONS.values():
            raise _damaged(embeddings, "its vectors are of an unknown precision")
        if self._exact.codes.size() != len(self) * self._exact.sq.code_size:
            raise _damaged(embeddings, "it holds more or fewer vectors than it says")
        self._refined = None
        if ivf is not None:
            flags = faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY if ivf in self._mapped else 0
            lists = _open(ivf, faiss.IndexIVFPQ, flags)
            if (lists.ntotal, lists.d) != (len(self), self.dimension):
                raise _damaged(ivf, f"it belongs to other embeddings than {embeddings}")
            # else each search starts threads that read ahead: 1.4 ms of 5 in vain, once the file is cached
            if ivf in self._mapped:
                faiss.downcast_InvertedLists(lists.invlists).prefetch_nthread = 0  # type: ignore[attr-defined]
            self._refined = faiss.IndexRefine(lists, self._exact)

    def __len__(self) -> int:
        return self._exact.ntotal

    @property
    def dimension(self) -> int:
        return self._exact.d

    @property
    def precision(self) -> str:
        """What `write_vectors` calls it."""
        return next(name for name, kind in PRECISIONS.items() if kind == self._exact.sq.qtype)

    def search(self, query: np.ndarray, k: int, *, exact: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """The k vectors of greatest inner product with a query, best first; of equal ones the lower row first.

        query: (D,), float32, norm 1. k: at least 1; fewer than k vectors: all of them.
        exact: do not use the inverted lists. With them some of the nearest may be missing; similarities are those of
        the exact search all the same.

        Returns similarity (k,) float32, with norm 1 the cosine in [-1, 1], and rows (k,) int64.

        Raises:
            ArchiveError: the query has another dimension, or values that are not finite.
            OptionError: k is less than 1.
        """
        query = np.ascontiguousarray(query, dtype=np.float32)
        if query.shape != (self.dimension,) or not np.isfinite(query).all():
            raise ArchiveError(
                "the query does not fit the embeddings",
                given=f"shape {query.shape}",
                expected=f"({self.dimension},), all finite",
                remedy="Use the model that the archive was made with",
            )
        if k < 1:
            raise OptionError("nothing to search for", given=f"k = {k}", expected="1 or more")
        k = min(k, len(self))
        self._check_whole()
        if self._refined is not None and not exact:
            shortlist = min(max(SHORTLIST, PER_RESULT * k), len(self))
            found = _best(*self._refined.search(query[None], shortlist), k)
            if len(found[1]) == k:  # else the probed lists hold fewer than k
                return found
        similarity, rows = self._scan(query, k)
        if len(rows) < k:
            raise _damaged(self._file, "it holds vectors that are not finite")
        return similarity, rows

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Vectors (n, D), float32, decoded, of some rows (n,) in [0, N).

        Raises:
            ArchiveError: there is no such row.
        """
        rows = np.ascontiguousarray(rows, dtype=np.int64)
        if rows.size and not 0 <= rows.min() <= rows.max() < len(self):
            raise ArchiveError(
                "there is no such row", given=f"{rows.min()} to {rows.max()}", expected=f"0 to {len(self) - 1}"
            )
        self._check_whole()
        return self._exact.reconstruct_batch(rows) if rows.size else np.empty((0, self.dimension), np.float32)

    def _check_whole(self) -> None:
        """Raise ArchiveError if a mapped file was cut short since it was opened."""
        for file, size in self._mapped.items():
            if _size(file) < size:
                raise _damaged(file, "it was cut short while it was in use")

    def _scan(self, query: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Search all rows, a range of them per thread."""
        parts = max(1, min(faiss.omp_get_max_threads(), len(self) // RANGE))
        bounds = [len(self) * part // parts for part in range(parts + 1)]

        def nearest(start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
            """At least the k best of a range and all that equal the last of them, of which FAISS keeps any."""
            ranged = faiss.SearchParameters(sel=faiss.IDSelectorRange(start, stop))  # type: ignore[call-arg]
            wanted = k + 1
            while True:
                similarity, rows = self._exact.search(query[None], min(wanted, stop - start), params=ranged)
                if wanted >= stop - start or similarity[0, -1] < similarity[0, k - 1]:
                    return similarity, rows
                wanted *= 8

        if parts == 1:
            found = [nearest(0, len(self))]
        else:
            with ThreadPoolExecutor(parts) as threads:
                found = list(threads.map(nearest, bounds[:-1], bounds[1:]))
        return _best(np.hstack([similarity for similarity, _ in found]), np.hstack([rows for _, rows in found]), k)


def _best(similarity: np.ndarray, rows: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k best of unordered candidates; row -1 stands for none."""
    similarity, rows = (of.ravel()[rows.ravel() >= 0] for of in (similarity, rows))
    order = np.lexsort((rows, -similarity))[:k]
    return similarity[order], rows[order]


def _open(file: Path, kind: type, flags: int) -> Any:
    try:
        index = faiss.read_index(str(file), flags)
    except (RuntimeError, MemoryError) as error:  # sizes in a damaged header may be anything
        raise _damaged(file, error) from error
    if not isinstance(index, kind) or index.metric_type != faiss.METRIC_INNER_PRODUCT or not index.is_trained:
        raise _damaged(file, "it is of another kind")
    return index


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # said when it is opened; of one in use that was deleted, all pages are still there
        return sys.maxsize


def _damaged(file: Path, why: object) -> ArchiveError:
    return ArchiveError(f"the archive's file {Path(file).name} cannot be read", given=f"{file} ({why})", remedy=REMEDY)


def _blocks(embeddings: np.ndarray) -> Iterator[np.ndarray]:
    """Row by row, (n, D) float32."""
    for start in range(0, len(embeddings), BLOCK):
        block = np.ascontiguousarray(embeddings[start : start + BLOCK], dtype=np.float32)
        if not np.isfinite(block).all():
            row = start + int(np.flatnonzero(~np.isfinite(block).all(1))[0])
            raise ArchiveError("an embedding is not finite", given=f"row {row}", expected="numbers of a norm of 1")
        yield block


def _reported(embeddings: np.ndarray, control: RunControl, before: int, total: int) -> Iterator[np.ndarray]:
    """The same, for a control to watch and to cancel; before: rows that were done before these."""
    for block in _blocks(embeddings):
        control.raise_if_cancelled("indexing photos was cancelled", "What is embedded is kept")
        yield block
        before += len(block)
        control.report("indexing photos", before, total)


def _write_exact(embeddings: np.ndarray, kind: int, file: Path, control: RunControl, total: int) -> None:
    """Write the file that faiss.write_index would, without holding its codes in memory."""
    index = faiss.IndexScalarQuantizer(embeddings.shape[1], kind, faiss.METRIC_INNER_PRODUCT)
    if kind == faiss.ScalarQuantizer.QT_8bit:  # learns each channel's least and greatest value
        extremes = [(block.min(0), block.max(0)) for block in _blocks(embeddings)]
        index.train(np.stack([np.min([low for low, _ in extremes], 0), np.max([high for _, high in extremes], 0)]))
    index.ntotal = len(embeddings)
    size = np.array(len(embeddings) * index.sa_code_size(), dtype="<u8")
    with file.open("wb") as stream:
        # last in the file stand the codes: first how many bytes, here of none yet, then the bytes
        stream.write(faiss.serialize_index(index)[: -size.nbytes].tobytes() + size.tobytes())
        for block in _reported(embeddings, control, 0, total):
            stream.write(index.sa_encode(block).tobytes())


def _write_ivf(embeddings: np.ndarray, shuffled: np.ndarray, file: Path, control: RunControl) -> None:
    """Learn the lists and the quantiser from the first of some shuffled rows, then list every row."""
    count, dimension = embeddings.shape
    lists = 2 ** round(np.log2(2 * count**0.5))
    size = next(size for size in range(-(-dimension // 8), dimension + 1) if dimension % size == 0)
    coarse = faiss.IndexFlatIP(dimension)
    index = faiss.IndexIVFPQ(coarse, dimension, lists, size, 8, faiss.METRIC_INNER_PRODUCT)
    index.cp.spherical = False  # so that a query's product with a centroid is the mean of those with its vectors
    for learned in (index.cp, index.pq.cp):
        learned.seed, learned.min_points_per_centroid, learned.max_points_per_centroid = SEED, 1, CENTROIDS
    rows = np.sort(shuffled[: max(TRAINING * lists, CENTROIDS * CENTROIDS)])
    index.train(np.ascontiguousarray(embeddings[rows], dtype=np.float32))
    for block in _reported(embeddings, control, count, 2 * count):
        index.add(block)
    index.nprobe = round(2 * lists**0.5)  # kept in the file
    try:
        faiss.write_index(index, str(file))
    except RuntimeError as error:  # FAISS has no other
        raise OSError(f"{file} could not be written: {error}") from error


def _recall(vectors: Vectors, embeddings: np.ndarray, rows: np.ndarray) -> float:
    """Mean recall@50 of these rows as queries, each without itself, against the exact search."""
    shares = []
    for row in rows:
        query = np.ascontiguousarray(embeddings[row], dtype=np.float32)
        true, found = (
            [r for r in vectors.search(query, TOP + 1, exact=exact)[1] if r != row][:TOP] for exact in (True, False)
        )
        shares.append(np.isin(true, found).mean())
    return float(np.mean(shares))
