"""A small app behind the real queue and the real door: its one endpoint waits, and counts."""

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import gradio as gr

from reco_app.context import AppContext
from reco_app.door import at_the_door
from reco_app.fair_queue import FairQueue
from reco_app.limits import Limits
from reco_app.preset_pool import PresetPool
from reco_app.request_control import RequestControl


@dataclass
class QuickApp:
    """A server; `done` is what was computed, `stopped` what was given up."""

    limits: Limits
    cache: Path
    seconds: float = 0.2
    done: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    url: str = ""

    def __enter__(self) -> "QuickApp":
        pool = cast(PresetPool, SimpleNamespace(get=lambda: None))
        self.context = AppContext(pool, limits=self.limits, cache=self.cache)
        with gr.Blocks(analytics_enabled=False) as self.blocks:
            text, out = gr.Textbox(), gr.Textbox()
            light = gr.Textbox()
            text.submit(self.work, text, out, api_name="work", concurrency_id="model")
            text.submit(self.work, text, out, api_name="read", concurrency_id="photos", concurrency_limit=2)
            light.submit(lambda said: said, light, out, api_name="light", concurrency_id="light", concurrency_limit=4)
        self.blocks.queue(default_concurrency_limit=1, api_open=False)
        self.queue = FairQueue(self.blocks, self.context.clients)
        self.blocks._queue = self.queue
        middleware: Any = {"middleware": [at_the_door(self.blocks, self.context)]}
        how: Any = {"quiet": True, "prevent_thread_lock": True, "ssr_mode": False, "show_error": False}
        self.blocks.launch(server_name="127.0.0.1", app_kwargs=middleware, max_file_size="30mb", **how)
        self.url = f"{self.blocks.local_url}gradio_api/"
        return self

    def __exit__(self, *_: object) -> None:
        self.blocks.close(verbose=False)

    def work(self, what: str) -> str:
        """Takes a while, unless nobody waits for it."""
        control, pause = RequestControl(self.limits.request_seconds), threading.Event()
        end = time.monotonic() + self.seconds
        while time.monotonic() < end:
            if control.cancelled:
                self.stopped.append(what)
                control.raise_if_cancelled("it was stopped")
            pause.wait(0.02)
        self.done.append(what)
        return what
