"""The page as it is put together: tabs, and what events are given, without a browser."""

import gradio as gr
import pytest

from reco_app.app import build_app
from reco_app.templates import stylesheet, text

REQUEST = {
    "photo": "Photo",
    "names": "Names",
    "method": "Method",
    "k": "Exemplars per name (k)",
    "background": "Background words",
    "context": "Context words",
    "preset": "Models",
    "titles": "Titles count",
}


@pytest.fixture
def blocks(context) -> gr.Blocks:
    return build_app(context)


def test_tabs_in_order(blocks):
    tabs = [block for block in blocks.blocks.values() if isinstance(block, gr.Tab)]
    assert [tab.label for tab in tabs] == ["Segment", "Discover", "Archive", "Adapt", "About"]
    (bar,) = {tab.parent for tab in tabs}
    assert bar.children == tabs  # Gradio counts whatever lies between tabs as tabs


def test_what_is_asked_comes_from_the_control_of_that_label(blocks):
    runs = [fn for fn in blocks.fns.values() if fn.api_name == "segment" or "background" in fn.input_keyword_names]
    assert len(runs) == 5  # the endpoint; button, example, and two ways from Discover
    for fn in runs:
        names = [*REQUEST] if fn.api_name == "segment" else fn.input_keyword_names
        labels = [block.label for block in fn.inputs[-len(names) :]]
        assert dict(zip(names, labels, strict=True)) == REQUEST


def test_only_the_endpoints_are_shown(blocks):
    public = {fn.api_name for fn in blocks.fns.values() if fn.api_visibility == "public"}
    assert public == {"segment", "search", "discover"}


def test_every_style_is_in_the_style_sheet():
    assert text("adapt/adapt.css") in stylesheet()
    for rule in ("#title h1", ".reco-legend", ".reco-tiles", ".reco-user-group", ".reco-discovery", ".reco-stages"):
        assert rule in stylesheet()
