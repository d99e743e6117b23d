"""The app in a real browser, with the real models and no network."""

import io
import json
import re
import socket
import struct
import subprocess
import sys
import threading
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from gradio_client import Client, handle_file
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

import app
from reco_app import gallery

ROOT = Path(app.__file__).parent
CHROMIUM = "/usr/bin/chromium"
# No name resolves: a page that needs an outside host fails here. Background networking would try some by itself.
OFFLINE = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
PATIENCE = 60_000  # milliseconds for anything to appear


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2) as reply:
            return reply.status == 200
    except OSError:
        return False


def serving(command: list[str], port: int, log: Path, environment: dict[str, str] | None = None) -> Iterator[str]:
    """Runs a server until the fixture that yields from this ends."""
    with log.open("w") as out:
        server = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out, env=environment)
    url, pause = f"http://127.0.0.1:{port}/", threading.Event()
    try:
        for _ in range(300):
            if server.poll() is not None or answers(url):
                break
            pause.wait(0.2)
        assert server.poll() is None, log.read_text()
        yield url
        assert "unexpected error" not in log.read_text()
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "app.py", "--port", str(port)]
    yield from serving(command, port, tmp_path_factory.mktemp("app") / "log.txt")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=OFFLINE)
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Callable[..., Page]]:
    """Opens the app as a new user; notes which addresses the page asks for."""
    contexts = []

    def open_page(width: int = 1280, height: int = 900) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.asked = []
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(address)
        page.wait_for_selector("#segment")
        return page

    yield open_page
    for context in contexts:
        context.close()


def choose(page: Page, file: Path) -> None:
    """Replace the photo, and wait until it has been uploaded."""
    page.locator("#photo input[type=file]").set_input_files(file)
    page.wait_for_selector(f"#photo img[src$='{file.name}']", state="attached")


def ask(page: Page, names: str, *, enter: bool = False) -> None:
    box = page.locator("#names input, #names textarea")
    box.fill(names)
    if enter:
        box.press("Enter")
    else:
        page.click("#segment")


def legend_names(page: Page) -> list[str]:
    return page.locator("#legend .reco-name").all_inner_texts()


def wait_for_legend(page: Page, *names: str) -> None:
    expect(page.locator("#legend .reco-name")).to_have_text(list(names), timeout=PATIENCE)
    expect(page.locator("#overlay img")).to_be_visible(timeout=PATIENCE)
    expect(page.locator("#gallery summary")).to_have_count(len(names), timeout=PATIENCE)


def picture(page: Page, where: str) -> np.ndarray:
    """The pixels of the picture that the page shows there."""
    reply = page.request.get(page.locator(f"{where} img").get_attribute("src"))
    return np.asarray(Image.open(io.BytesIO(reply.body())).convert("RGB")).astype(int)


def huge_png(file: Path, side: int = 20_000) -> Path:
    """A valid 1-bit PNG of side x side pixels in a few kilobytes, without ever holding its pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer, row = zlib.compressobj(9), b"\0" * (1 + side // 8)
    rows = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b""))
    return file


def test_photo_to_masks_with_evidence(visit, chelsea, tmp_path):
    page = visit()
    expect(page).to_have_title(gallery.TITLE)
    status = re.compile(r"Preset mini .* photos in the archive")
    expect(page.locator("#status")).to_contain_text(status, timeout=PATIENCE)
    assert all(re.match(r"(http://127\.0\.0\.1:|data:|blob:)", url) for url in page.asked)
    choose(page, chelsea)
    ask(page, "cat, wall")
    wait_for_legend(page, "cat", "wall")
    shown, photo = picture(page, "#overlay"), skimage.data.chelsea().astype(int)
    assert shown.shape == photo.shape
    assert np.abs(shown - photo).mean() > 10
    assert re.search(r"\d+\.\d %", page.locator("#legend .reco-row").first.inner_text())

    tiles = page.locator("#gallery .reco-tile")
    assert tiles.count() == page.locator("#gallery .reco-seed").count() == 40
    broken = page.evaluate(
        """[...document.querySelectorAll('#gallery .reco-frame')].filter(frame => {
             const image = frame.querySelector('img'), box = image?.getBoundingClientRect();
             const loaded = image && image.complete && image.naturalWidth > 0;
             const iconless = !image || (image.alt === '' && getComputedStyle(image).display === 'inline'
               && !image.hasAttribute('width') && !image.hasAttribute('height'));
             return !loaded && !(iconless && getComputedStyle(frame).backgroundImage.startsWith('url("data:image/'));
           }).length"""
    )
    assert broken == 0
    inside = page.evaluate(
        """[...document.querySelectorAll('#gallery .reco-seed')].every(dot => {
             const x = parseFloat(dot.style.left), y = parseFloat(dot.style.top);
             return x >= 0 && x <= 100 && y >= 0 && y <= 100;
           })"""
    )
    assert inside

    saved = {}
    for button in page.locator(".download").all():
        with page.expect_download() as download:
            button.click()
        saved[download.value.suggested_filename] = download.value.path()
    assert set(saved) == {"overlay.png", "labels.png", "result.json"}
    assert Image.open(saved["labels.png"]).size == (451, 300)
    assert [c["name"] for c in json.loads(saved["result.json"].read_text())["concepts"]] == ["cat", "wall"]


def test_toggles_and_opacity_redraw(visit):
    page = visit()
    ask(page, "cat, airplane", enter=True)
    wait_for_legend(page, "cat", "airplane")
    expect(page.locator("#toggles")).to_contain_text("airplane (not found)")
    expect(page.locator("#legend .absent .reco-name")).to_have_text("airplane")
    expect(page.locator("#legend")).to_contain_text("not found: it does not seem to be in this photo")
    before, source = picture(page, "#overlay"), page.locator("#overlay img").get_attribute("src")
    page.get_by_label("cat", exact=True).uncheck()
    expect(page.locator("#overlay img")).not_to_have_attribute("src", source, timeout=PATIENCE)
    plain, source = picture(page, "#overlay"), page.locator("#overlay img").get_attribute("src")
    assert np.abs(plain - before).mean() > 10
    slider = page.locator("#opacity input[type=range]")
    slider.fill("0")
    slider.dispatch_event("pointerup")
    expect(page.locator("#overlay img")).not_to_have_attribute("src", source, timeout=PATIENCE)
    assert np.abs(picture(page, "#overlay") - skimage.data.chelsea()).mean() < 4  # JPEG only


def test_what_was_not_found_is_faint_and_shown_with_one_click(visit):
    page = visit(width=390, height=844)

    def after(act: Callable[[], None]) -> np.ndarray:
        source = page.locator("#overlay img").get_attribute("src")
        act()
        expect(page.locator("#overlay img")).not_to_have_attribute("src", source, timeout=PATIENCE)
        return picture(page, "#overlay")

    def say_found_from(presence: float) -> None:
        page.locator("#found-from input[type=range]").fill(f"{presence}")
        page.locator("#found-from input[type=range]").dispatch_event("pointerup")

    def gap(a: np.ndarray, b: np.ndarray) -> float:
        return float((np.abs(a - b).max(-1) > 30).mean())

    page.get_by_role("button", name="Options").click()
    page.get_by_label("Method").click()
    page.get_by_role("option", name=re.compile("^reco: ")).click()
    ask(page, "cat, sofa")
    wait_for_legend(page, "cat", "sofa")
    show, note = page.locator("#legend .absent button"), page.locator("#legend .reco-note").last.inner_text()
    expect(show).to_have_text(gallery.SHOW)
    expect(page.get_by_label("sofa (not found)")).not_to_be_checked()
    faint = picture(page, "#overlay")
    full = after(show.click)
    expect(page.get_by_label("sofa (not found)")).to_be_checked()
    expect(show).to_have_text(gallery.HIDE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    # Found and unticked, it is not drawn at all.
    after(lambda: say_found_from(0.05))
    expect(page.locator("#legend .absent")).to_have_count(0)
    plain = after(page.get_by_label("sofa", exact=True).uncheck)
    assert 0.001 < gap(faint, plain) < gap(full, plain)
    assert gap(full, faint) > 0.005
    np.testing.assert_array_equal(after(lambda: say_found_from(0.5)), faint)
    expect(page.get_by_label("sofa (not found)")).not_to_be_checked()
    assert page.locator("#legend .reco-note").last.inner_text() == note  # its times: the model did not run again


def test_phone(visit):
    page = visit(width=390, height=844)
    page.locator("#examples tbody tr").nth(2).click()
    wait_for_legend(page, "spacesuit")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    parts = "main .block, main button, main img, main tr, main figure, main p"
    rightmost = "parts => Math.max(...[...document.querySelectorAll(parts)].map(e => e.getBoundingClientRect().right))"
    assert page.evaluate(rightmost, parts) <= 390


def test_errors_are_clear_and_the_app_goes_on(visit, chelsea, tmp_path):
    page = visit()
    fake, cut = tmp_path / "notes.jpg", tmp_path / "cut.jpg"
    fake.write_text("These are not pixels. " * 50)
    Image.fromarray(skimage.data.chelsea()).save(cut)
    cut.write_bytes(cut.read_bytes()[:9000])

    def complains(about: str) -> None:
        expect(page.get_by_test_id("toast-text").filter(has_text=re.compile(about))).to_be_visible(timeout=PATIENCE)
        page.get_by_test_id("toast-close").first.click()
        expect(page.get_by_test_id("toast-text")).to_have_count(0, timeout=PATIENCE)

    page.locator("#examples tbody tr").nth(0).click()  # after which Gradio makes the session's controls anew
    wait_for_legend(page, "cat", "dog")
    ask(page, "  ,, ")
    complains("No names were given")
    for file, about in (
        (fake, "notes.jpg is not an image"),
        (huge_png(tmp_path / "huge.png"), "huge.png is too large"),
        (cut, "cut.jpg is damaged or cut short"),
    ):
        choose(page, file)
        ask(page, "cat")
        complains(about)
    page.locator("#photo").get_by_label("Remove Image").click()
    ask(page, "cat")
    complains("There is no photo")
    assert "Traceback" not in page.content()
    choose(page, chelsea)
    ask(page, "cat")
    wait_for_legend(page, "cat")


def test_two_users_at_once(visit):
    one, two = visit(), visit()
    one.locator("#examples tbody tr").nth(1).click()
    two.locator("#examples tbody tr").nth(4).click()
    wait_for_legend(one, "motorcycle")
    wait_for_legend(two, "rocket")
    # Redrawing uses the session's own result.
    for page, name, shape in ((one, "motorcycle", (500, 741, 3)), (two, "rocket", (427, 640, 3))):
        source = page.locator("#overlay img").get_attribute("src")
        page.locator("#toggles input").first.click()
        expect(page.locator("#overlay img")).not_to_have_attribute("src", source, timeout=PATIENCE)
        assert picture(page, "#overlay").shape == shape
        assert legend_names(page) == [name]


def test_named_endpoint(address, chelsea):
    client = Client(address, verbose=False)
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(endpoints) == {"/segment", "/search", "/discover"}
    assert "Mark named things in a photo" in endpoints["/segment"]["description"]
    overlay, labels, description = client.predict(handle_file(str(chelsea)), "cat, wall", k=5, api_name="/segment")
    assert Image.open(overlay).size == Image.open(labels).size == (451, 300)
    assert set(np.unique(np.asarray(Image.open(labels)))) <= {0, 1, 2}
    assert [len(c["exemplars"]) for c in description["concepts"]] == [5, 5]
    with pytest.raises(Exception, match=r"(?i)no names were given"):
        client.predict(handle_file(str(chelsea)), "", api_name="/segment")
    with pytest.raises(Exception, match=r"(?i)k is out of range|greater than"):
        client.predict(handle_file(str(chelsea)), "cat", k=5000, api_name="/segment")


def test_endpoint_reads_no_file_of_the_server(address, chelsea):
    """Only uploads may be named as the photo, not any path."""
    data = [{"path": str(chelsea), "meta": {"_type": "gradio.FileData"}}, "cat", "reco2", 5, "", ""]
    request = urllib.request.Request(
        f"{address}gradio_api/call/segment", json.dumps({"data": data}).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as reply:
        event = json.load(reply)["event_id"]
    with urllib.request.urlopen(f"{address}gradio_api/call/segment/{event}", timeout=30) as reply:
        stream = reply.read().decode()
    assert "event: error" in stream
    assert "complete" not in stream


def test_a_start_that_fails_ends_with_a_message(tmp_path):
    no_archive = ["--archive", str(tmp_path), "--port", str(free_port())]
    for options, message in ((["--preset", "mimi"], 'Did you mean "mini"'), (no_archive, "there is no archive here")):
        command = [sys.executable, "app.py", *options]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 2
        assert message in done.stderr
        assert "Traceback" not in done.stderr
