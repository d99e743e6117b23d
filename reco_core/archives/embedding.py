"""Photos through a preset's models, batch by batch; the next photos are decoded while the models work."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from typing import NamedTuple

import numpy as np
from torch import Tensor

from reco_core.archives import thumbnails
from reco_core.archives.codecs import MAPS
from reco_core.archives.embedded_batches import StoredBatch
from reco_core.archives.near_duplicates import colours, perceptual_hash
from reco_core.errors import PhotoError
from reco_core.models.encoders import Encoder
from reco_core.photo_sources.source import Source
from reco_core.types import LeftOut, PhotoRecord
from reco_core.utils.images import read_small
from reco_core.utils.photo_files import writable
from reco_core.utils.prefetch import prefetch

LOOKS = ("hash", "colours", "pixels")  # what near-duplicates are told by
BATCH = 32
AHEAD = 2  # batches that are decoded in advance
DECODERS = 2  # threads


def embed(
    source: Source, encoder: Encoder, starts: Iterable[int], size: int | None = None, pictured: str = thumbnails.NONE
) -> Iterator[StoredBatch]:
    """Embed the batches that begin at `starts`, in that order.

    size: photos a batch, by default `BATCH`. pictured: which photos get a thumbnail, of `thumbnails.CHOICES`.
    """
    size, count = size or BATCH, len(source.records)
    batches = [range(start, min(start + size, count)) for start in starts]
    read = partial(_read, source, encoder, pictured)
    with closing(prefetch(read, chain.from_iterable(batches), DECODERS, AHEAD * size)) as photos:
        for batch in batches:
            yield _encode(batch.start, list(islice(photos, len(batch))), encoder, pictured != thumbnails.NONE)


class _Photo(NamedTuple):
    """What is made of a photo before the models see it. pixels: how many. thumbnail: a row of `thumbnails`."""

    record: PhotoRecord
    crops: tuple[Tensor, ...]
    hash: int
    colours: int
    pixels: int
    thumbnail: np.ndarray


def _read(source: Source, encoder: Encoder, pictured: str, i: int) -> _Photo | LeftOut:
    record = source.records[i]
    try:
        photo, (height, width) = read_small(data := source.read(i), encoder.archive_side, record.file)
    except PhotoError as error:
        return LeftOut(record.file, writable(f"unreadable: {error}"))
    sha256 = record.sha256 or hashlib.sha256(data).hexdigest()
    record = replace(record, width=record.width or width, height=record.height or height, sha256=sha256)
    thumbnail = thumbnails.encode(photo) if thumbnails.which(pictured)(record) else thumbnails.nothing()
    return _Photo(record, encoder.crops(photo), perceptual_hash(photo), colours(photo), height * width, thumbnail)


def _encode(start: int, photos: list[_Photo | LeftOut], encoder: Encoder, pictured: bool) -> StoredBatch:
    """What the models say, maps rounded to half precision: codes must not depend on who makes them."""
    left_out = tuple(photo for photo in photos if isinstance(photo, LeftOut))
    read = [photo for photo in photos if not isinstance(photo, LeftOut)]
    arrays = {name: np.array([getattr(photo, name) for photo in read], np.uint64) for name in LOOKS}
    if read:
        encoded = encoder.encode_crops([photo.crops for photo in read])
        if encoded.retrieval is not None:
            arrays["whole"] = encoded.embedding.cpu().numpy()
        searched = encoded.embedding if encoded.retrieval is None else encoded.retrieval
        arrays["embedding"] = searched.cpu().numpy()
        arrays |= {role: getattr(encoded, role).cpu().numpy().astype(np.float16) for role in MAPS}
        if pictured:
            arrays["thumbnail"] = np.stack([photo.thumbnail for photo in read])
    return StoredBatch(start, start + len(photos), tuple(photo.record for photo in read), arrays, left_out)
