"""Discover without a browser: what a visitor keeps, new names, the legend, which readings are kept."""

from dataclasses import replace
from html import escape

import gradio as gr
import numpy as np
import pytest
import torch
from support.page import EVIL

from reco_app.discover import view
from reco_app.discover.handlers import DiscoverHandlers
from reco_app.discover.session import renamed
from reco_app.limits import Limits
from reco_app.segment.session import FindSession
from reco_core.types import Discovery, Segment


def test_names_that_become_alike_are_one_segment():
    labels = np.array([[1, 1, 2], [3, 3, 2]], np.uint8)
    segments = (Segment("cat", 0.9, (("dog", 0.1),)), Segment("wall", 0.5), Segment("sofa", 0.4))
    result = Discovery(labels, segments, torch.eye(3))
    assert renamed(result, {"table": "desk"}) is result
    one = renamed(result, {"sofa": "Cat"})
    assert one.names == ("Cat", "wall")
    np.testing.assert_array_equal(one.labels, [[1, 1, 2], [1, 1, 2]])
    torch.testing.assert_close(one.embeddings.norm(dim=1), torch.ones(2))
    two = renamed(result, {"cat": "dog"})
    assert two.segments[0] == Segment("dog", 1.0, (("cat", 0.9),))


def test_every_text_is_escaped():
    result = Discovery(np.ones((2, 2), np.uint8), (Segment(f"'{EVIL}", 0.5, ((f"'{EVIL}", 0.2),)),), torch.eye(1))
    html = view.legend(result, [], 1.0)
    assert "<img" not in html
    assert html.count(f"&#39;{escape(EVIL)}") == 8
    assert view.seen(None, result, [], EVIL)["names"][0]["name"] == f"'{EVIL}"


def test_only_the_newest_readings_are_kept(context, chelsea, tmp_path):
    handlers = DiscoverHandlers(replace(context, limits=Limits(reading_bytes=1)))
    first, second = (handlers.run(str(chelsea), 8, "cat, wall, dog", "", None)[0] for _ in range(2))
    assert (first.reading is None, second.reading is None) == (True, False)
    assert second.folder.is_dir()
    with pytest.raises(gr.Error, match="no longer kept"):
        handlers.divide(first, 2, [])
    assert (first.photo, first.found, first.bytes < 200) == (None, None, True)
    with pytest.raises(gr.Error, match="no longer kept"):
        handlers.rename(first, [], gr.EventData(None, {"old": "cat", "name": "Minka"}))
    damaged = tmp_path / "notes.jpg"
    damaged.write_text("no pixels")
    photo, shown, *_ = handlers.given(str(damaged), second)  # it takes nothing away
    assert (photo, shown["state"], len(shown["names"])) == (str(chelsea), "error", len(second.names))
    assert "notes.jpg" in shown["message"]
    assert handlers.given(str(damaged))[0] is None
    other, find = tmp_path / "mine.png", FindSession(tmp_path)  # one that nobody has looked into
    other.write_bytes(chelsea.read_bytes())
    assert handlers.given(str(other), second, find)[2] == find.photo == str(other)
    photo, shown, *_ = handlers.given(str(damaged), second)
    assert (photo, shown["file"], shown["layers"]) == (str(other), "mine.png", [])
    again, *_ = handlers.divide(second, 2, list(second.names))
    assert again is second
    assert len(second.names) <= 2
    second.close()
    assert not second.folder.exists()


def test_a_photo_that_went_or_was_never_given(context, chelsea):
    handlers = DiscoverHandlers(context)
    for missing in (None, str(chelsea) + "x"):
        assert handlers.run(missing, 8, "", "", None)[2]["message"].startswith("There is no photo")
    assert handlers.run(str(chelsea), 21, "", "", None)[2]["message"].startswith("The number of parts is out of range")
    session = handlers.begin()
    with pytest.raises(gr.Error, match="no longer kept"):
        handlers.hand_over(session, ["cat"])
    assert handlers.divide(session, 3, [])[1:] == (gr.skip(),) * 6


def test_only_what_it_is_sure_enough_of_is_offered():
    labels = np.array([[1, 1, 1, 2], [1, 1, 3, 2]], np.uint8)
    result = Discovery(labels, (Segment("cat", 0.9), Segment("wall", 0.2), Segment("zorbl", 0.1)), torch.eye(3))
    assert view.sure(result) == [0]
    assert view.sure(result, ["zorbl"]) == [0, 2]
    html = view.legend(result)
    assert html.index("cat") < html.index("2 guesses") < html.index("wall")
    unsure = Discovery(labels, (Segment("a", 0.1), Segment("b", 0.2), Segment("c", 0.1)), torch.eye(3))
    assert 'reco-guesses" open' in view.legend(unsure)


def test_the_photo_comes_along_from_the_tab_find(context, chelsea, tmp_path):
    handlers, copy = DiscoverHandlers(context), tmp_path / "copy.png"
    copy.write_bytes(chelsea.read_bytes())
    assert handlers.carried(None, None) == handlers.carried(str(chelsea), str(copy)) == (*(gr.skip(),) * 3, None)
    photo, shown, *_ = handlers.carried(str(chelsea), None)
    assert (photo, shown["state"], shown["file"]) == (str(chelsea), "empty", "chelsea.png")
