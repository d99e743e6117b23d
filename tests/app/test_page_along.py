"""Names as a page of their own, to take along."""

from dataclasses import replace
from pathlib import Path

import gradio as gr
import pytest
from playwright.sync_api import expect
from support.page import found
from support.plain_graph import plain_graph

from reco_app.segment.handlers import SegmentHandlers
from reco_app.segment.page_along import PAGE
from reco_core.errors import Cancelled
from reco_core.export.file_names import page_name
from reco_core.export.page import apart

ASKED = {"names": "cat", "method": "reco2", "k": 5, "background": "", "context": "", "preset": ""}


@pytest.fixture
def handlers(context) -> SegmentHandlers:
    return SegmentHandlers(context)


@pytest.fixture
def session(handlers, chelsea):
    made = handlers.run(None, None, photo=str(chelsea), **ASKED)[0]
    yield made
    made.close()


@pytest.fixture
def traced(monkeypatch) -> list:
    """The names that are traced; tests of the graph trace them."""
    asked: list = []

    def to_onnx_apart(module, control):
        control.raise_if_cancelled("making the page was stopped")
        asked.append(module.names)
        return plain_graph(module.names)

    monkeypatch.setattr(apart, "to_onnx_apart", to_onnx_apart)
    return asked


def test_a_file_that_is_made_once(handlers, session, traced):
    href, name, _ = handlers.page.take(session, None)[1]["ready"]
    file = session.shown.folder / PAGE / "cat.html"
    assert name == "cat.html" and href.endswith("cat.html") and traced == [("cat",)]
    assert "marks cat" in file.read_text()
    handlers.page.take(session, None)
    assert len(traced) == 1


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["cat", "hot dog"], "cat-hot-dog.html"),
        (["Łoś", "../x"], "Łoś-x.html"),
        (["/"], "page.html"),
        (["a" * 99], "a" * 60 + ".html"),
    ],
)
def test_it_is_called_by_its_names(names, expected):
    assert page_name(names) == expected


def test_of_a_visit_one_page_is_kept(handlers, session, traced, chelsea):
    handlers.page.take(session, None)
    first = session.shown.folder / PAGE
    handlers.run(session, None, photo=str(chelsea), **{**ASKED, "names": "dog"})
    handlers.page.take(session, None)
    assert traced == [("cat",), ("dog",)] and not first.exists()
    assert (session.shown.folder / PAGE / "dog.html").is_file()


def test_what_goes_wrong_is_said(handlers, session, traced, context):
    with pytest.raises(gr.Error, match="no longer kept"):
        handlers.page.take(None, None)
    handlers.page.context = replace(context, limits=replace(context.limits, page_seconds=-1.0))
    with pytest.raises(gr.Error, match="took longer than"):
        handlers.page.take(session, None)
    assert traced == [] and not (session.shown.folder / PAGE).exists()


def test_it_is_offered_where_it_can_be_made(handlers, session):
    assert PAGE in handlers.page.titles(session.shown)
    for other in ({"method": "reco_crf"}, {"preset": "clip"}):
        asked = replace(session.shown.asked, **other)
        assert PAGE not in handlers.page.titles(replace(session.shown, asked=asked))


def test_whoever_is_gone_is_not_worked_for(handlers, session, monkeypatch):
    def to_onnx_apart(module, control):
        raise Cancelled("making the page was stopped")

    monkeypatch.setattr(apart, "to_onnx_apart", to_onnx_apart)
    with pytest.raises(gr.Error, match="was stopped"):
        handlers.page.take(session, None)


@pytest.mark.slow
def test_in_the_browser(visit):
    """Traced, and made; a second click needs no second half minute."""
    page = visit()
    found(page, "motorcycle", "floor", "dog")
    link = page.locator("#downloads [data-kind=page]")
    with page.expect_download(timeout=240_000) as download:
        link.click()
        expect(page.locator("#downloads [role=status]")).to_contain_text("half a minute")
    assert download.value.suggested_filename == "motorcycle-floor-dog.html"
    assert Path(download.value.path()).stat().st_size < 20e6
    expect(page.locator("#downloads [role=status]")).to_contain_text("opens by a double click")
    with page.expect_download(timeout=20_000):
        link.click()
