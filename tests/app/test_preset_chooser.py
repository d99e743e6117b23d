"""Choosing models in the app, and installing them."""

import hashlib
import json
import re
import sys
from dataclasses import replace
from types import SimpleNamespace

import gradio as gr
import pytest
from playwright.sync_api import Page, expect
from support import tiny_preset
from support import web as server
from support.page import PATIENCE, ask, found, state
from support.server import serving
from support.web import Web

from reco_app.components.preset_chooser import PresetHandlers, missing_card, preset_card
from reco_core.install import Missing
from reco_core.presets import CLIP, PAPER


@pytest.fixture(scope="module")
def tiny_server(photo_folder, tmp_path_factory):
    """A server of what the tiny preset downloads; the address of an app that has it; the folder of its downloads."""
    web, folder, files = Web(), tmp_path_factory.mktemp("tiny"), tiny_preset.files()
    cache = folder / "cache"
    web.files.update({f"/{name}": data for name, data in files.items()})
    photos = []
    for file in sorted(photo_folder.glob("*.jpg")):
        if file.name != "broken.jpg":
            web.files[f"/{file.name}"] = file.read_bytes()
            photos.append(
                {
                    "file": file.name,
                    "source_url": web.url(f"/{file.name}"),
                    "licence": "CC0 1.0",
                    "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
                    "licence_scope": "photo",
                }
            )
    settings = folder / "settings.json"
    settings.write_text(
        json.dumps(
            {
                "sources": {name: web.url(f"/{name}") for name in files},
                "hashes": tiny_preset.hashes(files),
                "photos": photos,
                "archive": str(folder / "archive"),
            }
        )
    )
    command = [sys.executable, "tests/support/tiny_app.py", str(settings), "--may-install"]
    with serving(command, folder, {"RECO_CACHE": str(cache)}) as url:
        yield web, url, cache
    web.shutdown()


def choose_preset(page: Page, name: str) -> None:
    page.locator("#preset input").click()
    page.get_by_role("option", name=re.compile(f"^{name}:")).click()


@pytest.mark.slow
def test_a_preset_is_offered_installed_cancelled_and_switched_to(visit, tiny_server):
    web, address, cache = tiny_server
    page, other = visit(address=address), visit(address=address)
    status = page.locator("#status")
    for one in (page, other):
        one.get_by_role("button", name="Options").click()
    expect(status).to_contain_text("Preset mini", timeout=PATIENCE)
    expect(page.locator("#card")).to_contain_text("Apache-2.0")

    choose_preset(page, "tiny")
    card = page.locator("#card")
    for part in (
        "tiny is not on this machine yet",
        "clip.safetensors: 351 MB, licence MIT, from 127.0.0.1",
        "374 MB of weights",
        "its hash is published",
        "each under its own licence",
    ):
        expect(card).to_contain_text(part, timeout=PATIENCE)
    ask(page, "cat")
    state(page, "error")
    expect(page.locator("#viewer .message")).to_contain_text("The models tiny are not on this machine yet")

    web.faults["/clip.safetensors"] = [server.status(404)]
    page.click("#install")
    expect(page.locator("#problem")).to_contain_text("could not be fetched", timeout=PATIENCE)
    web.faults["/clip.safetensors"] = [server.trickle(200, 0.05)]
    page.click("#install")
    expect(page.locator("#step")).to_contain_text(
        re.compile(r"clip\.safetensors: [\d,]+ of [\d,]+ MB"), timeout=PATIENCE
    )
    page.click("#cancel")
    expect(card).to_contain_text("cancelled", timeout=PATIENCE)
    assert list(cache.glob("*.part"))

    page.click("#install")
    expect(status).to_contain_text("Preset tiny", timeout=2 * PATIENCE)
    assert any(asked.startswith("bytes=") for asked in web.asked["/clip.safetensors"])  # continued
    expect(page.locator("#install")).to_be_hidden()
    expect(card).to_contain_text("were not fitted to these models yet")
    ask(page, "cat, wall")
    found(page, "cat", "wall")
    expect(page.locator("#evidence summary").first).to_contain_text("4 photos")  # k of the preset

    ask(other, "cat")  # another visitor still has mini
    found(other, "cat")
    expect(other.locator("#evidence summary")).to_contain_text("20 photos")
    expect(other.locator("#status")).to_contain_text("Preset mini")

    choose_preset(page, "mini")
    expect(status).to_contain_text("Preset mini", timeout=PATIENCE)
    ask(page, "cat")
    found(page, "cat")
    expect(page.locator("#evidence summary")).to_contain_text("20 photos")


def test_visitors_of_a_public_server_are_told_and_cannot_install(context):
    choosing = PresetHandlers(context)
    card, install, *_ = choosing.choose("paper")
    assert "Whoever runs this server can add it." in card
    assert "reco install" not in card
    assert not install.visible
    with pytest.raises(gr.Error, match="does not let visitors install"):
        next(choosing.install("paper"))
    with pytest.raises(gr.Error, match="Did you mean"):
        choosing.choose("papper")


def test_only_who_began_an_installation_cancels_it(context, monkeypatch):
    class Endless:
        step, cancelled = None, False

        def __init__(self, *_: object) -> None: ...
        def wait(self, seconds: float) -> bool:
            return self.cancelled

        def cancel(self) -> None:
            self.cancelled = True

    monkeypatch.setattr("reco_core.install.Installation", Endless)
    mine, other = (SimpleNamespace(session_hash=name) for name in ("mine", "other"))
    choosing = PresetHandlers(replace(context, may_install=True))
    installing = choosing.install("paper", mine)
    next(installing)
    running = choosing._running
    for somebody in (other, SimpleNamespace(session_hash=None), None):
        choosing.cancel(somebody)
        assert not running.cancelled
    with pytest.raises(gr.Error, match="being installed already"):
        next(choosing.install("paper", other))
    choosing.cancel(mine)
    assert running.cancelled


def test_cards_say_size_licence_and_source_and_escape():
    card = missing_card(PAPER, Missing(tuple(m.weights[0] for m in PAPER.models), archive=True))
    for part in (
        "1,685 MB of weights",
        "ViT-L-14-336px.pt</b>: 934 MB, licence MIT",
        "openaipublic.azureedge.net",
        "github.com",
        "recorded at the first download",
        "660 MB",
    ):
        assert part in card
    none = Missing((), archive=False)
    assert "&lt;b&gt;" in missing_card(PAPER, none, step=("<b>", 1, 2))
    assert "1,200 of 6,874" in missing_card(PAPER, none, step=("photos", 1200, 6874))
    assert "12 of 351 MB" in missing_card(PAPER, none, step=("ViT-B-16.pt", 12_000_000, 351_000_000))
    assert "61.3 mIoU" in preset_card(CLIP)
