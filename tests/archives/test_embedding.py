"""What goes into an archive of a large JPEG, which is decoded smaller, is what went in of all its pixels."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reco_core.archives import embedding, thumbnails
from reco_core.archives.embedded_batches import StoredBatch
from reco_core.archives.near_duplicates import BITS, COLOUR
from reco_core.photo_sources.factory import open_source
from reco_core.utils.images import read_photo

TIMES = 4  # as large as the real photos


@pytest.fixture(scope="module")
def large(real_photos, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("large")
    for name in ("cat", "coffee", "rocket"):
        image = Image.fromarray(real_photos[name])
        larger = image.resize((image.width * TIMES, image.height * TIMES), Image.Resampling.BICUBIC)
        larger.save(folder / f"{name}.jpg", quality=92)
    return folder


def embedded(reco, folder: Path) -> StoredBatch:
    with open_source(folder) as source:
        return next(embedding.embed(source, reco.encoder, [0], pictured=thumbnails.NONE))


def test_a_large_jpeg_says_what_it_said(reco, large, monkeypatch):
    small = embedded(reco, large)
    decoded = []
    monkeypatch.setattr(
        embedding,
        "read_small",
        lambda data, side, name: decoded.append(photo := read_photo(data, name)) or (photo, photo.shape[:2]),
    )
    whole = embedded(reco, large)
    assert len(decoded) == 3
    sizes = sorted((photo.shape[1], photo.shape[0]) for photo in decoded)  # two threads decode
    assert sorted((r.width, r.height) for r in small.records) == sizes
    assert small.records == whole.records
    np.testing.assert_array_equal(small.arrays["pixels"], whole.arrays["pixels"])
    for role, least in (("embedding", 0.999), ("language", 0.99), ("features", 0.995)):
        a, b = (batch.arrays[role].astype(np.float32) for batch in (small, whole))
        cosine = (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
        assert cosine.mean() > least, role
    differing = small.arrays["hash"] ^ whole.arrays["hash"]
    assert max(int(value).bit_count() for value in differing) <= BITS
    near = [batch.arrays["colours"].view(np.uint8).astype(int) for batch in (small, whole)]
    assert np.abs(near[0] - near[1]).max() <= COLOUR // 3
