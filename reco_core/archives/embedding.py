"""Photos through a preset's models, batch by batch; the next photos are decoded while the models work."""

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from reco_core.archives.near_duplicates import perceptual_hash
from reco_core.errors import PhotoError
from reco_core.models.encoders import Encoder
from reco_core.photo_sources.source import Source
from reco_core.types import Encoded, LeftOut, PhotoRecord
from reco_core.utils.images import read_photo

BATCH = 32
AHEAD = 2  # batches that are decoded in advance
DECODERS = 2  # threads


@dataclass(frozen=True)
class Batch:
    """A source's photos start .. done - 1, as the models see them.

    records: of the readable ones, with size and SHA-256. hashes: perceptual, (n,) uint64. encoded: None if none was
    readable.
    """

    start: int
    done: int
    records: tuple[PhotoRecord, ...]
    hashes: np.ndarray
    encoded: Encoded | None
    left_out: tuple[LeftOut, ...]


def embed(source: Source, encoder: Encoder, starts: Iterable[int], size: int | None = None) -> Iterator[Batch]:
    """Embed the batches that begin at `starts`, in that order; size: photos a batch, by default `BATCH`."""
    size = size or BATCH
    waiting: deque[tuple[int, list[Future]]] = deque()
    todo = iter(starts)
    with ThreadPoolExecutor(DECODERS) as decoders:

        def ask() -> None:
            for start in todo:
                photos = range(start, min(start + size, len(source.records)))
                waiting.append((start, [decoders.submit(_read, source, i, encoder) for i in photos]))
                return

        try:
            for _ in range(AHEAD):
                ask()
            while waiting:
                start, photos = waiting.popleft()
                ask()
                yield _encode(start, [photo.result() for photo in photos], encoder)
        finally:
            decoders.shutdown(cancel_futures=True)


def _read(source: Source, i: int, encoder: Encoder) -> tuple[PhotoRecord, tuple[Tensor, ...], int] | LeftOut:
    record = source.records[i]
    try:
        data = source.read(i)
        photo = read_photo(data)
    except PhotoError as error:
        return LeftOut(record.file, f"unreadable: {error}")
    height, width = photo.shape[:2]
    record = replace(
        record,
        width=record.width or width,
        height=record.height or height,
        sha256=record.sha256 or hashlib.sha256(data).hexdigest(),
    )
    return record, encoder.crops(photo), perceptual_hash(photo)


def _encode(start: int, photos: list, encoder: Encoder) -> Batch:
    left_out = tuple(photo for photo in photos if isinstance(photo, LeftOut))
    read = [photo for photo in photos if not isinstance(photo, LeftOut)]
    encoded = encoder.encode_crops([crops for _, crops, _ in read]) if read else None
    hashes = np.array([value for _, _, value in read], np.uint64)
    return Batch(start, start + len(photos), tuple(record for record, _, _ in read), hashes, encoded, left_out)
