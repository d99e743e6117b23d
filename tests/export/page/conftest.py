"""One traced ReCo and one page of it for all tests here: tracing takes half a minute."""

import functools
import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import onnx
import onnxruntime
import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from support.plain_graph import plain_graph

from reco_core.export.page import builder
from reco_core.export.page.apart import to_onnx_apart
from reco_core.export.page.credits import credits_of
from reco_core.export.page.graph import PhotoGraph
from reco_core.export.page.weights import Weights, shrink
from reco_core.methods import find_method
from reco_core.pipeline import ReCo
from reco_core.types import References
from reco_core.utils.run_control import RunControl

NAMES = ("cat", "person", "cup")
METHOD = "reco2_crf"


@pytest.fixture(scope="session")
def references(reco: ReCo) -> References:
    return reco.prepare(NAMES, method=METHOD)


@pytest.fixture(scope="session")
def graph(reco: ReCo, references: References) -> onnx.ModelProto:
    """Traced in a process of its own, as the app does it."""
    return to_onnx_apart(PhotoGraph(reco.encoder, reco.scorer, references, find_method(METHOD)), RunControl())


@pytest.fixture(scope="session")
def session(graph: onnx.ModelProto) -> Callable[[Weights], onnxruntime.InferenceSession]:
    """The graph with its weights stored in some way, ready to run."""

    @functools.cache
    def start(weights: Weights) -> onnxruntime.InferenceSession:
        small = onnx.ModelProto()
        small.CopyFrom(graph)
        shrink(small, weights)
        return onnxruntime.InferenceSession(small.SerializeToString(), providers=["CPUExecutionProvider"])

    return start


@pytest.fixture(scope="session")
def page(references: References, reco: ReCo) -> builder.Page:
    """A page whose graph does nothing, for what does not ask it."""
    return builder.Page.of(plain_graph(NAMES), credits_of(references, reco.encoder.preset))


@pytest.fixture(scope="session")
def traced_page(graph: onnx.ModelProto, references: References, reco: ReCo) -> builder.Page:
    return builder.Page.of(graph, credits_of(references, reco.encoder.preset))


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def serve() -> Iterator[Callable[[Path], http.server.HTTPServer]]:
    """Plain static servers of folders, on loopback."""
    servers: list[http.server.HTTPServer] = []

    def start(folder: Path) -> http.server.HTTPServer:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def visitor(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(accept_downloads=True, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(60_000)
    yield context
    context.close()


@pytest.fixture
def visit(visitor: BrowserContext) -> Callable[..., Page]:
    """Opens an address; notes what is asked for, and what goes wrong."""

    def go(address: str, *, script: str = "", ready: bool = True) -> Page:
        tab = visitor.new_page()
        tab.asked, tab.faults = [], []
        tab.on("request", lambda request: tab.asked.append(request.url))
        tab.on("pageerror", lambda error: tab.faults.append(str(error)))
        tab.on("dialog", lambda dialog: tab.faults.append(dialog.message))
        if script:
            tab.add_init_script(script)
        tab.goto(address)
        if ready:
            tab.locator("body[data-ready]").wait_for()
        return tab

    return go
