"""The tab Teach's controls."""

from typing import Any

import gradio as gr

from reco_app.archive.handlers import RESULTS, ArchiveHandlers, photo_list
from reco_app.components.controls import html, photo_drop, photo_input, text_line
from reco_app.context import AppContext
from reco_app.events import AT_ONCE, LIGHT, PHOTOS, PRIVATE, SEARCH, Options
from reco_app.page import Page
from reco_app.templates import render, text


class ArchiveTab:
    """The visitor's photos on one side, search on the other."""

    def build(self, context: AppContext) -> None:
        """Make the tab with its controls."""
        self.handlers = ArchiveHandlers(context)
        with gr.Tab("Teach", id="teach") as self.tab, gr.Row(elem_id="archive"):
            with gr.Column(min_width=320, scale=2):
                self._build_photos(context)
            with gr.Column(min_width=320, scale=3):
                self._build_search(context)

    def _build_photos(self, context: AppContext) -> None:
        html(render("archive/photos_intro.html", limits=context.limits))
        self.files = photo_drop("drop")
        self.name = text_line("What is it? (optional)", "what", placeholder="a name of your choice")
        with gr.Row():
            self.add = gr.Button("Add", variant="primary", min_width=100, elem_id="add")
            self.cancel = gr.Button("Cancel", visible=False, min_width=100, elem_id="cancel-add")
        self.report = html(elem_id="report")
        self.list = html(photo_list([], {}, str), js_on_load=text("archive/photos.js"), elem_id="own")
        small: Options = {"size": "sm", "min_width": 100}
        with gr.Row():
            self.save = gr.Button("Save as zip", elem_id="save", **small)
            self.load = gr.UploadButton("Load a saved zip", file_types=[".zip"], elem_id="load", **small)
        self.bundle = gr.DownloadButton("Download", visible="hidden", elem_id="saved")

    def _build_search(self, context: AppContext) -> None:
        html(render("archive/search_intro.html"))
        with gr.Row():
            with gr.Column(min_width=200):
                self.words = text_line("Words", "words", placeholder="red car")
                most = context.limits.search_results
                self.k = gr.Slider(1, most, RESULTS, step=1, label="How many photos", elem_id="many")
                self.search = gr.Button("Search", variant="primary", elem_id="search")
            with gr.Column(min_width=200):
                self.photo = photo_input("Photo (optional)", "like", 200, sources=["upload", "clipboard"])
                self.same = gr.Button("Use the photo from Find", size="sm", elem_id="like-same")
        self.results = html(elem_id="found")

    def connect(self, context: AppContext, page: Page) -> None:
        """Make the controls work."""
        do, kept, preset = self.handlers, page.user_photos, page.segment.preset
        shown = [kept, self.list, self.report, page.segment.taught_names, page.segment.names]
        page.blocks.load(do.begin, None, kept, **LIGHT)

        asked = [self.words, self.photo, self.k, preset]
        searches = [self.search.click, self.words.submit]
        gr.on(searches, do.show_search, [*asked, kept], [self.results, kept], show_progress_on=self.results, **SEARCH)

        self.same.click(None, page.segment.photo, self.photo, js="photo => photo", **PRIVATE)
        given = [self.files, self.name, preset, kept]
        self._cancellable(self.add.click, do.add, given, [self.files, self.name, *shown])
        self._cancellable(self.load.upload, do.load, [self.load, preset, kept], shown)
        self.cancel.click(do.cancel, kept, None, **AT_ONCE)
        quietly: Options = {**PHOTOS, "show_progress": "hidden"}
        removed = self.list.click(do.remove, kept, shown, trigger_mode="multiple", **LIGHT)
        removed.success(do.learned, [kept, preset], self.list, **quietly)
        self.tab.select(do.learned, [kept, preset], self.list, **quietly)  # Find teaches too
        packed = self.save.click(do.save, [kept, preset], self.bundle, **quietly)
        packed.success(None, js=text("archive/download.js"), **PRIVATE)

    def _cancellable(self, event: Any, call: Any, inputs: list[Any], outputs: list[Any]) -> None:
        """With the button Cancel for as long as it takes."""
        do, kept = self.handlers, inputs[-1]
        begun = event(do.begin_adding, kept, self.cancel, **AT_ONCE)
        done = begun.then(call, inputs, outputs, show_progress_on=self.report, **PHOTOS)
        done.then(do.end_adding, kept, self.cancel, **AT_ONCE)
