"""Choosing models: which presets there are, what each needs, and installing one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import gradio as gr
from markupsafe import Markup

from reco_app.components.controls import html
from reco_app.context import AppContext
from reco_app.events import AT_ONCE, INSTALL, LIGHT, PRIVATE
from reco_app.messages import user_errors
from reco_app.page import Page
from reco_app.templates import render
from reco_core.errors import RecoError
from reco_core.presets import PRESETS, Preset, find_preset, usual_method

if TYPE_CHECKING:
    from reco_core.install import Installation, Missing

Card = tuple[Any, ...]  # card, Install, Cancel, status
Step = tuple[str, int, int]  # what, done, of how many


class PresetHandlers:
    """What the chooser's controls call; one installation at a time on a server."""

    def __init__(self, context: AppContext) -> None:
        self.presets, self.device, self.may_install = context.presets, context.device, context.may_install
        self._running: Installation | None = None
        self._began = ""  # the session that began it
        self._lock = threading.Lock()

    def status(self, name: str = "") -> Markup:
        """What is in use, once it runs."""
        import torch

        with user_errors():
            reco = self.presets.get(name)
            device = str(reco.encoder.device)
            threads = torch.get_num_threads() if device == "cpu" else 0
            return render("components/preset_status.html", reco=reco, device=device, threads=threads)

    def choose(self, name: str) -> tuple:
        """Show a preset; load it if nothing is missing. Its own method and k are set too."""
        from reco_core.install import missing

        with user_errors():
            preset = find_preset(name)
            lacks = None if self.presets.loaded(name) or name == self.presets.first else missing(preset)
            settings = (gr.update(value=usual_method(preset)), gr.update(value=preset.k))
            if lacks:
                return (*self._offer(preset, lacks), *settings)
            return (preset_card(preset), *_buttons(), self.status(name), *settings)

    def install(self, name: str, request: gr.Request | None = None) -> Iterator[Card]:
        """Fetch and build what a preset lacks, telling how far it is; then load it."""
        from reco_core.install import Installation, missing

        with user_errors():
            preset = find_preset(name)
            lacks = missing(preset)
            if not self.may_install:
                raise gr.Error("This server does not let visitors install models.", print_exception=False)
            with self._lock:
                if self._running:
                    raise gr.Error("A preset is being installed already. Please wait.", print_exception=False)
                running = self._running = Installation(preset, self.device)
                self._began = _session(request)
            try:
                while not running.wait(0.3):
                    yield missing_card(preset, lacks, step=running.step), *_buttons(cancel=True), gr.skip()
            except RecoError as problem:  # cancelled, no network, a full disk: said beside what is still missing
                yield self._offer(preset, missing(preset), str(problem))
                return
            finally:
                running.cancel()  # if the page was closed
                self._running = None
            yield preset_card(preset), *_buttons(), self.status(name)

    def cancel(self, request: gr.Request | None = None) -> None:
        """Stop what is being installed, if this visitor began it."""
        with self._lock:
            running, mine = self._running, self._began == _session(request)
        if running and mine:
            running.cancel()

    def _offer(self, preset: Preset, lacks: Missing, problem: str = "") -> Card:
        card = missing_card(preset, lacks, self.may_install, problem=problem)
        return card, *_buttons(install=self.may_install), gr.skip()


class PresetChooser:
    """The chooser's controls: models, what they need, Install and Cancel."""

    def __init__(self, context: AppContext) -> None:
        self.handlers = PresetHandlers(context)
        first = find_preset(context.presets.first)
        choices = [(f"{preset.name}: {preset.summary}", preset.name) for preset in PRESETS.values()]
        self.preset = gr.Dropdown(choices, value=first.name, label="Models", elem_id="preset")
        self.card = html(preset_card(first), elem_id="card")
        with gr.Row():
            self.install = gr.Button("Install", size="sm", visible=False, elem_id="install")
            self.cancel = gr.Button("Cancel", size="sm", visible=False, elem_id="cancel")

    def connect(self, page: Page, status: gr.HTML, method: gr.Dropdown, k: gr.Slider) -> None:
        """Make the controls work. status: a line about the models in use. method, k: set to what suits them."""
        handlers, shown = self.handlers, [self.card, self.install, self.cancel, status]
        page.blocks.load(handlers.status, None, status, **LIGHT)
        self.preset.input(handlers.choose, self.preset, [*shown, method, k], show_progress_on=status, **PRIVATE)
        self.install.click(handlers.install, self.preset, shown, **INSTALL)
        self.cancel.click(handlers.cancel, None, None, **AT_ONCE)


def _session(request: gr.Request | None) -> str:
    return str(getattr(request, "session_hash", None) or "")


def _buttons(install: bool = False, cancel: bool = False) -> tuple[gr.Button, gr.Button]:
    return gr.Button(visible=install), gr.Button(visible=cancel)


def preset_card(preset: Preset) -> Markup:
    """What a preset is, for those who have it."""
    return render("components/preset_card.html", preset=preset)


def missing_card(
    preset: Preset, lacks: Missing, may_install: bool = True, problem: str = "", step: Step | None = None
) -> Markup:
    """What would be fetched, how much, under which licence, from where.

    problem: why it was not installed. step: how far an installation is.
    """
    from reco_core.models.weights import address, place

    files = [(place(file), address(file), file) for file in lacks.weights]
    card = "components/missing_card.html"
    return render(card, preset=preset, lacks=lacks, files=files, may_install=may_install, problem=problem, step=step)
