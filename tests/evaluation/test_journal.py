"""Runs that are stopped and continued end as runs that were not."""

import json

import pytest
from support.labelled import three, without_seconds
from support.recorder import Recorder, cancelled

from reco_core.datasets.folder import open_folder
from reco_core.errors import Cancelled
from reco_core.evaluation import bench
from reco_core.evaluation.journal import Journal, place
from reco_core.evaluation.variants import of_methods
from reco_core.utils.run_control import RunControl

VARIANTS = of_methods(("denseclip", "reco"))


@pytest.fixture(scope="module")
def data(real_photos, tmp_path_factory):
    return open_folder(three(real_photos, tmp_path_factory.mktemp("journal") / "three"))


@pytest.fixture(scope="module")
def whole(reco, data):
    """The report of a run that nobody stopped, without any journal."""
    return bench.run(reco, data, VARIANTS)


@pytest.fixture
def calls(reco, monkeypatch) -> dict[str, int]:
    """How often names were learned, and photos segmented."""
    counted = {"prepare": 0, "segment": 0}
    for name in counted:
        original = getattr(reco, name)

        def call(*given, _name=name, _original=original, **options):
            counted[_name] += 1
            return _original(*given, **options)

        monkeypatch.setattr(reco, name, call)
    return counted


def partials(folder):
    return [file for file in folder.iterdir() if file.suffix == ".partial"]


def test_cancelled_and_continued(reco, data, whole, calls, tmp_path):
    options = {"report": tmp_path / "deep" / "r.json"}
    with pytest.raises(Cancelled, match="The same command continues it"):
        bench.run(reco, data, VARIANTS, control=Recorder(1, "photos"), **options)
    assert calls == {"prepare": 2, "segment": 2}
    (journal,) = partials(tmp_path / "deep")
    assert journal == place(options["report"], whole["settings"])
    assert [json.loads(line)["photo"] for line in journal.read_text().splitlines()] == ["cat"]
    report = bench.run(reco, data, VARIANTS, **options)
    assert without_seconds(report) == without_seconds(whole)
    assert calls == {"prepare": 4, "segment": 6}, "each photo once with each variant"
    assert not options["report"].exists(), "that is the caller's"


def test_killed_and_continued(reco, data, whole, calls, tmp_path):
    def kill(what, done, of):
        if (what, done) == ("photos", 2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.run(reco, data, VARIANTS, report=tmp_path / "r.json", control=RunControl(kill))
    control = Recorder()
    report = bench.run(reco, data, VARIANTS, report=tmp_path / "r.json", control=control)
    assert without_seconds(report) == without_seconds(whole)
    assert calls["segment"] == 6
    assert control.reports == [("variants learned", 1, 2), ("variants learned", 2, 2), ("photos", 3, 3)]
    bench.run(reco, data, VARIANTS, report=tmp_path / "r.json")
    assert calls == {"prepare": 4, "segment": 6}, "with all photos measured nothing is learned either"


@pytest.mark.parametrize("lost", [1, 30])
def test_a_last_line_that_was_cut_short_is_measured_again(reco, data, whole, calls, tmp_path, lost):
    bench.run(reco, data, VARIANTS, report=tmp_path / "r.json")
    (journal,) = partials(tmp_path)
    complete = journal.read_bytes()
    journal.write_bytes(complete[:-lost])
    report = bench.run(reco, data, VARIANTS, report=tmp_path / "r.json")
    assert without_seconds(report) == without_seconds(whole) and calls["segment"] == 8
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    assert [line["photo"] for line in lines] == ["cat", "coffee", "motorcycle"]


@pytest.mark.parametrize("damage", [b"{", b"[1]\n", b'{"of": 1}\n', b"\xff\xfe\n", b'"photo"\n'])
def test_what_follows_damage_is_forgotten(tmp_path, damage):
    journal = Journal(tmp_path / "r.json", {})
    journal.add({"photo": "a", "x": (1, 2)})
    assert journal.done == {"a": {"photo": "a", "x": [1, 2]}}, "as it will be read"
    with journal.file.open("ab") as file:
        file.write(damage + b'{"photo":"b"}\n')
    again = Journal(tmp_path / "r.json", {})
    assert list(again.done) == ["a"]
    again.add({"photo": "c"})
    assert list(Journal(tmp_path / "r.json", {}).done) == ["a", "c"]


def test_other_settings_have_another_journal(reco, data, tmp_path):
    report = tmp_path / "r.json"
    assert len({place(report, s) for s in ({"k": 1, "a": 2}, {"a": 2, "k": 1}, {"k": 2, "a": 2}, {})}) == 3
    assert place(report, {}).parent == tmp_path and place(report, {}) != place(tmp_path / "s.json", {})
    for options in ({}, {"seed": 1}, {"limit": 2}, {"k": 3}, {"background": ("sky",)}, {"context": ("sky",)}):
        with pytest.raises(Cancelled):
            bench.run(reco, data, VARIANTS[:1], report=report, control=cancelled(), **options)
    assert len(partials(tmp_path)) == 6


def test_nothing_is_written_without_a_report(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    journal = Journal(None, {})
    journal.add({"photo": "a"})
    assert list(journal.done) == ["a"] and not list(tmp_path.iterdir())
