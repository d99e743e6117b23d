"""Photos through a preset's models, batch by batch; the next photos are decoded while the models work."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import chain, islice

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
from reco_core.utils.prefetch import prefetch

BATCH = 32
AHEAD = 2  # batches that are decoded in advance
DECODERS = 2  # threads


def embed(source: Source, encoder: Encoder, starts: Iterable[int], size: int | None = None) -> Iterator[StoredBatch]:
    """Embed the batches that begin at `starts`, in that order; size: photos a batch, by default `BATCH`."""
    size, count = size or BATCH, len(source.records)
    batches = [range(start, min(start + size, count)) for start in starts]
    read = partial(_read, source, encoder)
    with closing(prefetch(read, chain.from_iterable(batches), DECODERS, AHEAD * size)) as photos:
        for batch in batches:
            yield _encode(batch.start, list(islice(photos, len(batch))), encoder)


def _read(source: Source, encoder: Encoder, i: int) -> tuple[PhotoRecord, tuple[Tensor, ...], int] | LeftOut:
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
