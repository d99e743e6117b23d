"""One contract for progress and cancelling."""

import threading

import pytest
from support.recorder import Recorder

from reco_core.cli.progress_log import ProgressLog
from reco_core.errors import Cancelled
from reco_core.utils.run_control import RunControl
from reco_core.utils.stopwatch import Stopwatch


def test_a_listener_is_told_and_without_one_nothing_happens():
    control = Recorder()
    for one in (control, RunControl()):
        one.report("photos", 1, 3)
    assert control.reports == [("photos", 1, 3)]


def test_cancelling_says_what_was_stopped_and_what_to_do():
    control = RunControl()
    control.raise_if_cancelled("nothing happens yet")
    assert not control.cancelled
    control.cancel()
    control.cancel()
    assert control.cancelled
    with pytest.raises(Cancelled) as caught:
        control.raise_if_cancelled("the download was cancelled", "What came is kept")
    assert str(caught.value) == "the download was cancelled. What came is kept."
    with pytest.raises(Cancelled, match=r"^it was stopped\.$"):
        control.raise_if_cancelled("it was stopped")


def test_a_part_ends_with_the_whole_but_not_the_whole_with_a_part():
    whole = Recorder()
    part, other = RunControl(parent=whole), RunControl(parent=whole)
    grandchild = RunControl(parent=part)
    grandchild.report("photos", 1, 2)
    assert not whole.reports, "a part is silent"
    part.cancel()
    assert (whole.cancelled, other.cancelled, part.cancelled, grandchild.cancelled) == (False, False, True, True)
    whole.cancel()
    assert other.cancelled


def test_what_a_listener_raises_ends_the_run():
    def full(stage: str, done: int, total: int) -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        RunControl(full).report("photos", 1, 2)


def test_another_thread_may_cancel():
    control, stopped = RunControl(), threading.Event()

    def run() -> None:
        while not control.cancelled:
            control.report("steps", 1, 0)
        stopped.set()

    thread = threading.Thread(target=run)
    thread.start()
    control.cancel()
    thread.join(10)
    assert stopped.is_set()


def test_the_log_is_told_at_most_every_so_often_and_at_the_end(caplog):
    caplog.set_level("INFO")
    control = ProgressLog("fetching", every=1000)
    for done in range(1, 2001):
        control.report("photos", done, 2000)
    control.report("words", 1, 3)
    assert [line.partition(",")[0] for line in caplog.messages] == ["fetching photos: 2"]
    assert caplog.messages[0] == "fetching photos: 2,000 of 2,000, 0 s left"
    ProgressLog(every=0).report("words", 1, 3)
    assert caplog.messages[1].startswith("words: 1 of 3, ")


def test_a_stopwatch_writes_laps_under_their_names():
    timings = {"before": 1.0}
    watch = Stopwatch(timings)
    watch.lap("one")
    watch.lap("two")
    assert list(timings) == ["before", "one", "two"] and watch.timings is timings
    assert all(0 <= timings[name] < 10 for name in ("one", "two"))
