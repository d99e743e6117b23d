"""The page, put together."""

import gradio as gr

from reco_app.about.tab import AboutTab
from reco_app.adapt.tab import AdaptTab
from reco_app.api.endpoints import make_endpoints, offer_endpoints
from reco_app.archive.tab import ArchiveTab
from reco_app.components.controls import html
from reco_app.context import AppContext
from reco_app.discover.tab import DiscoverTab
from reco_app.fair_queue import FairQueue
from reco_app.hosting.arguments import TITLE
from reco_app.messages import never_silent
from reco_app.page import Page, Tab
from reco_app.segment.tab import SegmentTab
from reco_app.session import session_state
from reco_app.templates import text


def build_app(context: AppContext) -> gr.Blocks:
    """The page; it can be served before the model is ready, and the first request waits for it."""
    segment, discover, archive, adapt = SegmentTab(), DiscoverTab(), ArchiveTab(), AdaptTab()
    tabs: list[Tab] = [segment, discover, archive, adapt, AboutTab()]
    with gr.Blocks(title=TITLE, analytics_enabled=False) as blocks:  # its files: see `temporary`
        html(text("intro.html"), elem_id="title")
        user_photos = session_state(context.limits)
        with gr.Tabs() as bar:
            for tab in tabs:
                tab.build(context)
        # Before the tabs' own events, which would take their names.
        answering = segment.handlers.answering
        offer_endpoints(make_endpoints(context, answering, discover.handlers, archive.handlers, adapt.handlers))
        page = Page(blocks, bar, user_photos, segment)
        for tab in tabs:
            tab.connect(context, page)
    blocks.queue(default_concurrency_limit=1, api_open=False)  # nothing goes past the queue
    blocks._queue = FairQueue(blocks, context.clients)
    never_silent(blocks)
    return blocks
