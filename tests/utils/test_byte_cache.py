"""Caches that count bytes."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from reco_core.types import Exemplar, PhotoRecord
from reco_core.utils.byte_cache import ByteCache, held

KB = 1000


def block(size: int) -> np.ndarray:
    return np.zeros(size, np.uint8)


def test_what_was_not_used_for_longest_goes():
    cache = ByteCache[np.ndarray](3 * KB)
    for size in (1000, 999, 998):
        cache.put(size, block(size))
    assert (len(cache), cache.bytes) == (3, 2997)
    assert len(cache.get(1000)) == 1000  # a use: now 999 is the oldest
    cache.put("new", block(500))
    assert [key for key in (1000, 999, 998, "never") if cache.get(key) is not None] == [1000, 998]
    cache.put("large", block(9 * KB))
    assert cache.get("large") is not None and len(cache) == 1, "the newest stays"


def test_another_value_of_a_key_takes_its_place():
    cache = ByteCache[np.ndarray](3 * KB)
    for size in (1000, 2000, 3000):
        assert len(cache.put("one", block(size))) == size
    assert (len(cache), cache.bytes) == (1, 3000)


def test_many_threads():
    cache = ByteCache[np.ndarray](50 * KB)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: cache.put(number % 100, block(number % 100 * 10)), range(4000)))
    assert cache.bytes <= cache.most and cache.bytes == sum(size for _, size in cache._values.values())


def test_what_is_held():
    """A part of an array keeps the whole of it."""
    assert held(block(KB)[:5]) == held(block(KB).reshape(10, 100)[2]) == KB
    assert held(torch.zeros(250)[:5]) == KB
    assert KB <= held((block(KB), {"name": 1})) < KB + 500
    record = PhotoRecord("a.jpg", 1, 1, "https://" + "x" * KB, "", "", "", "", "", "")
    assert KB < held(Exemplar(0, 0.5, (0.1, 0.2), 0.5, record)) < 3 * KB
