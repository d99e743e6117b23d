"""Choosing models: which presets there are, what each needs, and installing one."""

import threading
from collections.abc import Iterator
from html import escape
from typing import Any
from urllib.parse import urlsplit

import gradio as gr
import torch

from reco_app.preset_pool import Pool
from reco_app.told import told
from reco_core.errors import RecoError
from reco_core.install import Installation, Missing, missing
from reco_core.models.weights import address, place
from reco_core.pipeline import usual_method
from reco_core.presets import PRESETS, Preset, find_preset

Card = tuple[Any, ...]  # card, Install, Cancel, status


class Choosing:
    """What the chooser's controls call; one installation at a time on a server."""

    def __init__(self, pool: Pool, device: str | None, may_install: bool) -> None:
        self.pool, self.device, self.may_install = pool, device, may_install
        self._running: Installation | None = None
        self._lock = threading.Lock()

    def status(self, name: str = "") -> str:
        """What is in use, once it runs."""
        with told():
            reco = self.pool.get(name)
            device = str(reco.encoder.device)
            threads = f" · {torch.get_num_threads()} threads" if device == "cpu" else ""
            return (
                f"Preset {escape(reco.encoder.preset.name)} · {escape(device)}{threads} · "
                f"{len(reco.archive):,} photos in the archive {escape(reco.archive.folder.name)}"
            )

    def choose(self, name: str) -> tuple:
        """Show a preset; load it if nothing is missing. Its own method and k are set too."""
        with told():
            preset = find_preset(name)
            lacks = None if self.pool.loaded(name) or name == self.pool.first else missing(preset)
            settings = (gr.update(value=usual_method(preset)), gr.update(value=preset.k))
            if lacks:
                return (*self._offer(preset, lacks), *settings)
            return (ready(preset), *_buttons(), self.status(name), *settings)

    def install(self, name: str) -> Iterator[Card]:
        """Fetch and build what a preset lacks, telling how far it is; then load it."""
        with told():
            preset = find_preset(name)
            lacks = missing(preset)
            if not self.may_install:
                raise gr.Error("This server does not let visitors install models.", print_exception=False)
            with self._lock:
                if self._running:
                    raise gr.Error("A preset is being installed already. Please wait.", print_exception=False)
                running = self._running = Installation(preset, self.device)
            try:
                while not running.wait(0.3):
                    yield needs(preset, lacks, step(*running.step)), *_buttons(cancel=True), gr.skip()
            except RecoError as problem:  # cancelled, no network, a full disk: said beside what is still missing
                yield self._offer(preset, missing(preset), escape(str(problem)))
                return
            finally:
                running.cancel()  # if the page was closed
                self._running = None
            yield ready(preset), *_buttons(), self.status(name)

    def cancel(self) -> None:
        running = self._running
        if running:
            running.cancel()

    def _offer(self, preset: Preset, lacks: Missing, problem: str = "") -> Card:
        command = f"<code>reco install {escape(preset.name)}</code>"
        hint = "" if self.may_install else f"Whoever runs this server can add it: {command}"
        said = f"<p id='problem'>{problem[:1].upper()}{problem[1:]}</p>" if problem else f"<p>{hint}</p>"
        return needs(preset, lacks, said), *_buttons(install=self.may_install), gr.skip()


class Chooser:
    """The chooser's controls: models, what they need, Install and Cancel."""

    def __init__(self, do: Choosing) -> None:
        self.do = do
        first = find_preset(do.pool.first)
        choices = [(f"{preset.name}: {preset.summary}", preset.name) for preset in PRESETS.values()]
        self.preset = gr.Dropdown(choices, value=first.name, label="Models", elem_id="preset")
        self.card = gr.HTML(ready(first), elem_id="card", apply_default_css=False)
        with gr.Row():
            self.install = gr.Button("Install", size="sm", visible=False, elem_id="install")
            self.cancel = gr.Button("Cancel", size="sm", visible=False, elem_id="cancel")

    def connect(self, status: gr.HTML, method: gr.Dropdown, k: gr.Slider) -> None:
        """Make the controls work; status: the page's line about what is in use."""
        shown = [self.card, self.install, self.cancel, status]
        quiet: dict[str, Any] = {"api_visibility": "private"}
        self.preset.input(self.do.choose, self.preset, [*shown, method, k], show_progress_on=status, **quiet)
        self.install.click(
            self.do.install,
            self.preset,
            shown,
            show_progress="hidden",
            concurrency_id="install",
            concurrency_limit=2,
            **quiet,
        )
        self.cancel.click(self.do.cancel, None, None, queue=False, **quiet)


def _buttons(install: bool = False, cancel: bool = False) -> tuple[gr.Button, gr.Button]:
    return gr.Button(visible=install), gr.Button(visible=cancel)


def ready(preset: Preset) -> str:
    """What a preset is, for those who have it."""
    fitted = (
        ""
        if preset.fitted
        else (
            " Its thresholds (is it there? does the archive have it?) were not fitted to these models "
            "yet: take them as rough."
        )
    )
    return (
        f"<div class='reco-card'><p>Licence {escape(', '.join(preset.licences))}. Expected quality: "
        f"{escape(preset.quality)}.{fitted}</p><p class='reco-note'>{escape(preset.citation)}</p></div>"
    )


def needs(preset: Preset, lacks: Missing, said: str = "") -> str:
    """What would be fetched, how much, under which licence, from where. said: HTML below it."""
    rows = [
        f"<li><b>{escape(place(file))}</b>: {file.megabytes:,.0f} MB, licence {escape(file.licence)}, from "
        f"{escape(urlsplit(address(file)).netloc)}; its hash is "
        f"{'published' if file.sha256 else escape(file.hash_from)}</li>"
        for file in lacks.weights
    ]
    if lacks.archive:
        rows.append(
            "<li><b>the bundled archive's photos</b>: about 660 MB, each under its own licence (3,574 of 6,874 open, "
            "the others for research only), from where they were published, to be embedded by these models, which "
            "makes an archive of about 1.4 GB: minutes on a GPU, half an hour to hours without</li>"
        )
    total = f" {lacks.megabytes:,.0f} MB of weights" if lacks.weights else ""
    return (
        f"<div class='reco-card'><p><b>{escape(preset.name)}</b> is not on this machine yet. It needs{total}:</p>"
        f"<ul>{''.join(rows)}</ul><p class='reco-note'>{escape(preset.citation)}</p>{said}</div>"
    )


def step(what: str, done: int, of: int) -> str:
    """How far an installation is."""
    photos = what in ("photos", "embedding photos")
    amount = f"{done:,} of {of:,}" if photos else f"{done / 1e6:,.0f} of {of / 1e6:,.0f} MB"
    share = 100 * done / of if of else 0
    return (
        f"<p id='step'><span class='reco-bar'><i style='width:{share:.0f}%'></i></span>"
        f"{escape(what or 'starting')}{f': {amount}' if done else ''}</p>"
    )
