"""Photos through a preset's models, batch by batch; the next photos are decoded while the models work."""

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import islice

import numpy as np
from torch import Tensor

from reco_core.archives.codecs import MAPS
from reco_core.archives.embedded_batches import StoredBatch
from reco_core.archives.near_duplicates import perceptual_hash
from reco_core.errors import PhotoError
from reco_core.models.encoders import Encoder
from reco_core.photo_sources.source import Source
from reco_core.types import LeftOut, PhotoRecord
from reco_core.utils.images import read_photo

BATCH = 32
AHEAD = 2  # batches that are decoded in advance
DECODERS = 2  # threads


def embed(source: Source, encoder: Encoder, starts: Iterable[int], size: int | None = None) -> Iterator[StoredBatch]:
    """Embed the batches that begin at `starts`, in that order; size: photos a batch, by default `BATCH`."""
    size = size or BATCH
    todo = iter(starts)
    with ThreadPoolExecutor(DECODERS) as decoders:

        def ask(start: int) -> tuple[int, list[Future]]:
            photos = range(start, min(start + size, len(source.records)))
            return start, [decoders.submit(_read, source, i, encoder) for i in photos]

        try:
            waiting = deque(map(ask, islice(todo, AHEAD)))
            while waiting:
                start, photos = waiting.popleft()
                waiting.extend(map(ask, islice(todo, 1)))
                yield _encode(start, [photo.result() for photo in photos], encoder)
        finally:
            decoders.shutdown(cancel_futures=True)


def _read(source: Source, i: int, encoder: Encoder) -> tuple[PhotoRecord, tuple[Tensor, ...], int] | LeftOut:
    record = source.records[i]
    try:
        photo = read_photo(data := source.read(i))
    except PhotoError as error:
        return LeftOut(record.file, f"unreadable: {error}")
    height, width = photo.shape[:2]
    sha256 = record.sha256 or hashlib.sha256(data).hexdigest()
    record = replace(record, width=record.width or width, height=record.height or height, sha256=sha256)
    return record, encoder.crops(photo), perceptual_hash(photo)


def _encode(start: int, photos: list, encoder: Encoder) -> StoredBatch:
    """What the models say, maps rounded to half precision: codes must not depend on who makes them."""
    left_out = tuple(photo for photo in photos if isinstance(photo, LeftOut))
    read = [photo for photo in photos if not isinstance(photo, LeftOut)]
    arrays = {"hash": np.array([value for _, _, value in read], np.uint64)}
    if read:
        encoded = encoder.encode_crops([crops for _, crops, _ in read])
        if encoded.retrieval is not None:
            arrays["whole"] = encoded.embedding.cpu().numpy()
        searched = encoded.embedding if encoded.retrieval is None else encoded.retrieval
        arrays["embedding"] = searched.cpu().numpy()
        arrays |= {role: getattr(encoded, role).cpu().numpy().astype(np.float16) for role in MAPS}
    return StoredBatch(start, start + len(photos), tuple(record for record, _, _ in read), arrays, left_out)
