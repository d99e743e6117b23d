"""What the field of names asks the server, whatever a request holds."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from reco_app.components.names_input.name_help import NameHelp
from reco_app.components.names_input.names_input import NamesInput
from reco_app.preset_pool import PresetPool


@pytest.fixture
def pool(reco) -> PresetPool:
    return PresetPool(lambda name: reco, "mini")


def test_nothing_is_loaded_for_it(pool):
    names = NameHelp(pool)
    assert names.remarks(["motorcylce"]) is None
    assert names.suggest("motorcylce") == ["motorcycle"]  # from the lists
    assert not pool.loaded()
    pool.get()
    (remark,) = names.remarks(["motorcylce"]) or ()
    assert remark.instead == ("motorcycle",)
    assert names.remarks(["cat"], preset="../no/preset") is None


def test_an_archives_titles_are_read_once(monkeypatch, reco):
    asked: list[Any] = []
    monkeypatch.setattr(
        "reco_app.components.names_input.name_help.suggested_names",
        lambda archive=None: asked.append(archive) or SimpleNamespace(find=lambda *_: ["x"]),
    )
    pool = PresetPool(lambda name: reco, "mini")
    pool.get()
    names = NameHelp(pool)
    threads = [threading.Thread(target=names.suggest, args=("c",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert asked == [reco.archive]


def test_requests_may_hold_anything(pool):
    pool.get()
    field = NamesInput(name_help=NameHelp(pool))
    assert field.suggest({"typed": "mototcycle"}) == ["motorcycle"]
    assert field.suggest({"typed": "zor", "taught": ["zorbl", 7, None]}) == ["zorbl"]
    (remark,) = field.remark({"names": ["motorcylce"]}) or ()
    assert remark == {"text": "not known. Did you mean", "instead": ("motorcycle",), "refused": True, "lasting": False}
    assert len(field.remark({"names": ["cat"] * 9000}) or ()) == 50
    for odd in (None, [], "text", {}, {"typed": {"a": 1}, "names": "cat", "taught": 3, "preset": []}):
        assert field.suggest(odd) == []
        assert not field.remark(odd)


def test_its_value_is_text_and_no_html():
    field = NamesInput("cat")
    assert field.postprocess(None) == "" and field.postprocess("<b>, cat") == "<b>, cat"
    assert field.preprocess(None) == field.preprocess({"a": 1}) == "" and field.preprocess("cat") == "cat"
    assert "value" not in field.html_template
    assert NamesInput.refusal("no")["problem"] != NamesInput.refusal("no")["problem"]
