"""The About tab."""

import gradio as gr

from reco_app.context import AppContext
from reco_app.page import Page
from reco_app.templates import text


class AboutTab:
    """A text."""

    def build(self, context: AppContext) -> None:
        """Show it."""
        with gr.Tab("About", id="about"):
            gr.Markdown(text("about/about.md"))

    def connect(self, context: AppContext, page: Page) -> None:
        """There is nothing to press."""
