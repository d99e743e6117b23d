"""Links: what they say, and what is taken from them."""

from dataclasses import replace
from urllib.parse import parse_qsl

import pytest

from reco_app.segment.request import SegmentRequest, link, read_link, usual
from reco_core.presets import CLIP, find_preset

MINI = find_preset("mini")


def read(query: str) -> SegmentRequest | None:
    return read_link(dict(parse_qsl(query.removeprefix("?"), keep_blank_values=True)), MINI, 50)


def test_a_link_says_only_what_is_unusual():
    assert link(usual(MINI, "cup, table"), MINI) == "?names=cup%2C+table"
    assert link(usual(MINI, "cup"), MINI, "coffee") == "?names=cup&example=coffee"
    assert "preset=clip" in link(usual(CLIP, "cup"), MINI)


@pytest.mark.parametrize(
    "changed",
    [
        {"names": '"a, b", <b>&=?'},
        {"method": "reco", "k": 7},
        {"titles": False, "found_from": 0.3},
        {"background": "", "context": "sea, sand"},
        {"preset": "clip", "method": "denseclip", "k": 3},
    ],
)
def test_a_link_asks_the_same_again(changed):
    asked = replace(usual(MINI, "cup, table"), **changed)
    assert read(link(asked, MINI)) == asked


def test_nonsense_in_a_link_is_left_as_usual():
    assert read("") is None
    assert read("__theme=dark") is None
    odd = read("names=cup&method=magic&k=many&found_from=9&preset=..%2Fx&photo=%2Fetc%2Fpasswd")
    assert odd == replace(usual(MINI, "cup"), found_from=0.95)
    assert odd.photo is None
    assert read("names=cup&method=reco_no_text").method == usual(MINI).method  # there is one, but not on the page
    assert read("names=" + "x" * 9999).names == "x" * 8000
    assert read("names=cup&k=999").k == 50
    assert read("names=cup&method=reco2_crf%2Btitles").titles
