"""The page as it is put together: tabs, and what events are given, without a browser."""

import inspect

import gradio as gr
import pytest

from reco_app.app import build_app
from reco_app.templates import stylesheet, text

REQUEST = {  # the label of each control
    "photo": "Photo",
    "names": "Names",
    "method": "Method",
    "k": "Photos per name (k)",
    "background": "Background words",
    "context": "Context words",
    "preset": "Models",
    "titles": "Titles count",
    "found_from": "Say found from",
}


@pytest.fixture
def blocks(context) -> gr.Blocks:
    return build_app(context)


def test_tabs_in_order(blocks):
    tabs = [block for block in blocks.blocks.values() if isinstance(block, gr.Tab)]
    assert [tab.label for tab in tabs] == ["Find", "What's in it?", "Teach", "Train", "About"]
    (bar,) = {tab.parent for tab in tabs}
    assert bar.children == tabs  # Gradio counts whatever lies between tabs as tabs


def test_what_is_asked_comes_from_the_control_of_that_label(blocks):
    runs = [fn for fn in blocks.fns.values() if "background" in fn.input_keyword_names]
    assert len(runs) == 6  # button, example, taught, several photos, and two ways from What's in it?
    for fn in runs:
        names = fn.input_keyword_names
        labels = [block.label for block in fn.inputs[-len(names) :]]
        assert set(REQUEST) - set(names) <= {"photo"}  # many photos
        assert dict(zip(names, labels, strict=True)) == {name: REQUEST[name] for name in names}


def test_an_endpoint_is_asked_by_its_own_parameters(blocks):
    """In their order, each under its name; what a program may leave out is what the page asks at first."""
    (segment,) = [fn for fn in blocks.fns.values() if fn.api_name == "segment"]
    parameters = inspect.signature(segment.fn).parameters
    assert [block.label for block in segment.inputs] == [*parameters]
    assert set(REQUEST) <= set(parameters)
    controls = {block.label: block.value for block in blocks.blocks.values() if hasattr(block, "value")}
    for name, label in REQUEST.items():
        if name not in ("photo", "names"):
            assert parameters[name].default == controls[label], name


def test_only_the_endpoints_are_shown(blocks):
    public = {fn.api_name for fn in blocks.fns.values() if fn.api_visibility == "public"}
    jobs = {"adapt", "adapt_status", "adapt_result", "adapt_cancel"}
    assert public == {"segment", "search", "discover", "teach", *jobs}


def test_every_style_is_in_the_style_sheet():
    assert text("adapt/adapt.css") in stylesheet()
    rules = ("#title h1", ".reco-legend", ".reco-tiles", ".reco-user-group", ".reco-discovery", ".reco-stages")
    for rule in (*rules, ".reco-strip", ".reco-stage-bar"):
        assert rule in stylesheet()
