"""Who is alone has all cores; several share them."""

import threading

import pytest
import torch

from reco_app.app import build_app
from reco_app.context import AppContext
from reco_app.hosting import cores
from reco_app.hosting.cores import Shares
from reco_app.preset_pool import PresetPool


def in_thread(do) -> None:
    """torch keeps its number of threads for each of ours: nobody else's changes."""
    raised = []

    def run() -> None:
        try:
            do()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert not raised, raised


def test_cores_are_shared_out():
    shares, before = Shares(4), torch.get_num_threads()

    def asked() -> None:
        with shares.share() as alone:
            assert alone == torch.get_num_threads() == 4
            in_thread(second)
        with shares.share() as alone:
            assert alone == torch.get_num_threads() == 4

    def second() -> None:
        with shares.share() as half:
            assert half == torch.get_num_threads() == 2
        for _ in range(4):
            with shares.share(), shares.share(), shares.share(), shares.share(), shares.share() as least:
                assert least == torch.get_num_threads() == 1

    in_thread(asked)
    assert torch.get_num_threads() == before


def test_what_goes_wrong_gives_its_cores_back():
    shares = Shares(2)

    def asked() -> None:
        with pytest.raises(ValueError, match="no"), shares.share():
            raise ValueError("no")
        with shares.share() as threads:
            assert threads == 2

    in_thread(asked)


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (2, 2), (64, 4)])
def test_a_lane_a_core_but_not_too_many(monkeypatch, count, expected):
    monkeypatch.setattr(cores, "cores", lambda: count)
    assert cores.lanes() == expected


def test_everything_that_models_work_for_waits_in_these_lanes(tmp_path):
    app = build_app(AppContext(PresetPool(pytest.fail, "mini"), cache=tmp_path))
    asked = [fn for fn in app.fns.values() if fn.concurrency_id == "model"]
    assert len(asked) > 5
    assert {fn.concurrency_limit for fn in asked} == {cores.lanes()}
    searching = {fn.concurrency_id for fn in app.fns.values() if str(fn.api_name) == "search"}
    assert searching == {"search"}
