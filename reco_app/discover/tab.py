"""The tab What's in it?'s controls."""

import gradio as gr

from reco_app.components.controls import download_row, fold, html
from reco_app.components.stage import Stage
from reco_app.context import AppContext
from reco_app.discover.handlers import DiscoverHandlers
from reco_app.events import LIGHT, MODEL, Options
from reco_app.page import Page
from reco_app.session import session_state
from reco_app.templates import render, text
from reco_core.zeroguidance.parts import MOST_PARTS, PARTS

WORDS = (
    "What things may be called, with commas, up to {most:,}. Empty: 18,000 nouns. Words for surroundings, such as wall "
    "and sky, compete in any case"
)


class DiscoverTab:
    """The photo on one side, what was found in it on the other."""

    def build(self, context: AppContext) -> None:
        """Make the tab with its controls."""
        self.handlers = DiscoverHandlers(context)
        with gr.Tab("What's in it?", id="discover") as self.tab, gr.Row(elem_id="discover"):
            self.session = session_state(context.limits)
            with gr.Column(min_width=300, scale=3):
                self.stage = Stage(context.limits, "discover-photo", "discover-viewer")
                self.photo, self.viewer = self.stage.photo, self.stage.viewer
            with gr.Column(min_width=300, scale=2):
                self._build_question(context)
                with gr.Column(visible=False, elem_id="discover-results") as self.column:
                    self._build_result()

    def _build_question(self, context: AppContext) -> None:
        html(render("discover/intro.html"))
        self.button = gr.Button("What's in it?", variant="primary", elem_id="discover-start")
        box: Options = {"label": "Your own words", "placeholder": "cup, spoon, table", "lines": 2, "max_lines": 6}
        with fold("Options", "discover-options"):
            info = WORDS.format(most=context.limits.user_words)
            self.words = gr.Textbox("", info=info, elem_id="discover-words", **box)

    def _build_result(self) -> None:
        label, info = "Coarser – finer", "How many parts the photo is cut into, before alike ones become one"
        self.parts = gr.Slider(1, MOST_PARTS, PARTS, step=1, label=label, info=info, elem_id="discover-parts")
        self.legend = html(elem_id="discover-legend", js_on_load=text("discover/legend.js"))
        self.names = gr.CheckboxGroup(label="Look for these in the whole photo", elem_id="discover-names")
        self.send = gr.Button("Find these", elem_id="discover-send")
        self.files = download_row("discover-download")

    def connect(self, context: AppContext, page: Page) -> None:
        """Make the controls work."""
        do, session, segment = self.handlers, self.session, page.segment
        shown = [self.viewer, self.legend, self.names, *self.files]
        page.blocks.load(do.begin, None, session, **LIGHT)
        asked = [self.photo, self.parts, self.words, segment.preset]
        divided = do.divide, [session, self.parts, self.names], [session, *shown]
        result = [session, self.column, *shown]
        looking: Options = {**MODEL, "show_progress": "hidden", "js": self.viewer.tell("running", "Looking …")}
        event = self.button.click(do.run, [*asked, session], result, **looking)
        event.success(*divided, **LIGHT)  # in case that the slider was moved meanwhile
        given = [self.photo, self.viewer, segment.photo, segment.viewer, self.column, session, segment.session]
        self.photo.input(do.given, [self.photo, session, segment.session], given, **LIGHT)
        carried = [self.photo, self.viewer, self.column, session]
        self.tab.select(do.carried, [segment.photo, self.photo, session], carried, **LIGHT)
        self.parts.release(*divided, trigger_mode="always_last", **LIGHT)
        self.legend.submit(do.rename, [session, self.names], [session, *shown], trigger_mode="multiple", **LIGHT)
        handed = [session, segment.photo, segment.names, segment.viewer, page.tabs]
        for event in (
            self.send.click(do.hand_over, [session, self.names], handed, **LIGHT),
            self.legend.click(do.hand_over_one, session, handed, **LIGHT),
        ):
            segment.run_on(event.success)
