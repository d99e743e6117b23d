"""Loaded presets are shared, once each, and not too many."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from reco_app.preset_pool import PresetPool
from reco_core.errors import ArchiveError


def test_many_users_load_once():
    loads, gate = [], threading.Event()

    def load(name):
        loads.append(name)
        gate.wait(5)
        return object()

    pool = PresetPool(load, "mini")
    with ThreadPoolExecutor(8) as users:
        answers = [users.submit(pool.get, name) for name in ("", "mini", "clip", "", "clip", "mini")]
        assert not pool.loaded("mini")
        gate.set()
        got = [answer.result() for answer in answers]
    assert sorted(loads) == ["clip", "mini"]
    assert got[0] is got[1] is got[3] is got[5]
    assert got[2] is got[4] is not got[0]
    assert pool.loaded()
    assert pool.loaded("clip")


def test_the_least_recently_used_leaves_and_the_first_stays():
    loads: list[str] = []
    pool = PresetPool(lambda name: loads.append(name) or object(), "mini", most=2)
    for name in ("mini", "a", "b", "a", "c"):
        pool.get(name)
    assert [pool.loaded(name) for name in ("mini", "a", "b", "c")] == [True, True, False, True]
    pool.get("b")
    assert loads == ["mini", "a", "b", "c", "b"]


def test_a_failure_is_told_and_tried_again():
    attempts: list[str] = []

    def load(name):
        attempts.append(name)
        if len(attempts) == 1:
            raise ArchiveError("not there yet")
        return object()

    pool = PresetPool(load, "mini")
    with pytest.raises(ArchiveError, match="not there yet"):
        pool.get()
    assert not pool.loaded()
    assert pool.get()
    assert attempts == ["mini", "mini"]
