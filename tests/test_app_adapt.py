"""The Adapt tab in a real browser: from photos to a specialist that is tried out; waiting, cancelling, bad input."""

import io
import os
import re
import sys
import threading
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
import skimage.data
from gradio.state_holder import StateHolder
from PIL import Image
from playwright.sync_api import Page, expect
from test_app import PATIENCE, browser, free_port, serving, visit  # noqa: F401 - fixtures

import app
from reco_app import course, jobs
from reco_app.own import shrink
from reco_app.preset_pool import Pool
from reco_core.adaptation.curve import Curve, Look
from reco_core.adaptation.job import Job
from reco_core.adaptation.specialist import Specialist
from reco_core.errors import Cancelled
from reco_core.types import LeftOut

# The app as it is, but its specialists learn in seconds, and nothing much.
APP = """
import sys, app
from dataclasses import replace
from functools import partial
from reco_core.adaptation.recipe import QUICK
recipe = replace(QUICK, views=(1.0,), side=96, crop=64, batch=2, channels=16)
app.build_app = partial(app.build_app, recipe=recipe)
sys.exit(app.main())
"""
EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where the server keeps what is temporary."""
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def address(folder):
    port = free_port()
    command = [sys.executable, "-c", APP, "--port", str(port)]
    yield from serving(command, port, folder / "log.txt", {**os.environ, "TMPDIR": str(folder)})
    assert not list(folder.glob("reco-adapt-*"))  # the server took them along when it ended


@pytest.fixture(scope="module")
def trip(real_photos, tmp_path_factory) -> Path:
    """A zip with six small photos, a text, and a text that pretends to be a photo."""
    file = tmp_path_factory.mktemp("trip") / "trip.zip"
    photos = [*real_photos.values(), real_photos["cat"][:, ::-1]]
    with zipfile.ZipFile(file, "w") as out:
        for i, photo in enumerate(photos):
            small = Image.fromarray(photo)
            small.thumbnail((160, 160))
            packed = io.BytesIO()
            small.save(packed, "JPEG")
            out.writestr(f"{i}.jpg", packed.getvalue())
        out.writestr("notes.txt", "a text")
        out.writestr("<b>fake.jpg", "no pixels " * 50)
    return file


def give(page: Page, files: list[Path], names: str, steps: int = 50, everything: bool = False) -> None:
    """Fill in everything and press Start."""
    page.get_by_role("tab", name="Adapt").click()
    clear = page.locator("#adapt-drop [aria-label='Clear']")
    if clear.count():
        clear.click()
    page.locator("#adapt-drop input[type=file]").set_input_files(files)
    expect(page.locator("#adapt-drop .file-preview tr")).to_have_count(len(files), timeout=PATIENCE)
    page.locator("#adapt-names input, #adapt-names textarea").fill(names)
    page.locator("#adapt-everything input").set_checked(everything)
    number = page.locator("#adapt-steps input[type=number]")
    number.fill(str(steps))
    number.press("Tab")
    expect(page.locator("#adapt-time")).to_contain_text(f"{steps} steps", timeout=PATIENCE)
    page.click("#adapt-start")


def says(page: Page, text: str | re.Pattern) -> None:
    expect(page.locator("#adapt-report")).to_contain_text(text, timeout=PATIENCE)


def fits(page: Page, width: int) -> None:
    """Nothing is wider than the screen."""
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    parts = "#adapt :is(.block, button, img, svg, td, p, figure, h3)"
    rightmost = "parts => Math.max(...[...document.querySelectorAll(parts)].map(e => e.getBoundingClientRect().right))"
    assert page.evaluate(rightmost, parts) <= width


def kept(folder: Path) -> set[Path]:
    return set(folder.glob("reco-adapt-*"))


def downloaded(page: Page, folder: Path) -> Specialist:
    with page.expect_download() as download:
        page.click("#adapt-download")
    assert download.value.suggested_filename == "specialist.zip"
    with zipfile.ZipFile(download.value.path()) as packed:
        packed.extractall(folder)
    return Specialist(folder / "specialist", "cpu")


def test_from_photos_to_a_specialist_that_is_tried(visit, trip, chelsea, tmp_path, address, folder):  # noqa: F811
    page, other = visit(width=390, height=844), visit()
    give(page, [trip], f"cat, cup, {EVIL}", steps=600, everything=True)
    expect(page.locator("#adapt-time")).to_contain_text("for your 8 photos")
    says(page, re.compile("ReCo labels photo|The network learns"))
    says(page, "notes.txt: no photo")
    says(page, "<b>fake.jpg: ")
    give(other, [trip], "rocket", steps=600)
    says(other, re.compile("1 job before yours, about .* minutes"))
    (mine,) = (path for path in kept(folder) if (path / "specialist").exists())
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{address}gradio_api/file={quote(str(next(mine.glob('*.jpg'))))}", timeout=10)

    charts = page.locator("#adapt-look svg polyline")
    expect(charts).to_have_count(3, timeout=PATIENCE)
    expect(page.locator("#adapt-look figcaption").filter(has_text="Network, step")).to_be_visible()
    expect(page.locator("#adapt-look .reco-marks img")).to_have_count(3, timeout=PATIENCE)
    expect(page.locator("#adapt-look .reco-names")).to_contain_text(EVIL)
    fits(page, 390)
    expect(other.locator("#adapt-look img")).to_have_count(0)

    page.click("#adapt-finish")
    expect(page.locator("#learned")).to_be_visible(timeout=2 * PATIENCE)
    expect(page.locator("#learned")).to_contain_text(re.compile("step (50|100|150) of 600 was the best"))
    expect(page.locator("#learned")).to_contain_text("cup")
    expect(page.locator("#adapt-start")).to_be_enabled()
    specialist = downloaded(page, tmp_path)
    assert specialist.names == ("cat", "cup", EVIL)
    assert specialist.about["job"]["background"] == [] and specialist.about["shares"]["background"] == 0
    assert {file.name for file in (tmp_path / "specialist").iterdir()} == set(jobs.FILES)
    assert specialist.segment(skimage.data.chelsea()).labels.shape == (300, 451)

    page.locator("#adapt-photo input[type=file]").set_input_files(chelsea)
    page.wait_for_selector("#adapt-photo img", state="attached")
    page.click("#adapt-compare")
    pair = page.locator("#adapt-compared .reco-pair figure")
    expect(pair).to_have_count(2, timeout=PATIENCE)
    assert [re.match(r"(\w+): \d+\.\d\d seconds", text)[1] for text in pair.all_inner_texts()] == ["Specialist", "ReCo"]
    expect(page.locator("#adapt-compared tr")).to_have_count(4)
    fits(page, 390)
    assert page.evaluate("document.querySelectorAll('img[src=x]').length") == 0

    # The other's turn has come; what it stops is deleted.
    says(other, re.compile("ReCo l|The network learns"))
    expect(other.locator("#learned")).to_have_count(0)
    others = kept(folder) - {mine}
    other.click("#adapt-cancel")
    says(other, "The job was cancelled. Nothing of it is kept.")
    expect(other.locator("#adapt-start")).to_be_enabled(timeout=PATIENCE)
    assert not others & kept(folder)


def test_bad_input_is_told_and_the_tab_goes_on(visit, trip, tmp_path):  # noqa: F811
    page = visit()
    page.get_by_role("tab", name="Adapt").click()
    page.click("#adapt-start")
    says(page, "There are no photos")
    give(page, [trip], " ,, ")
    says(page, "No names were given")
    give(page, [trip], ", ".join(f"name{i}" for i in range(31)))
    says(page, "Too many names")
    broken, fake = tmp_path / "broken.zip", tmp_path / "fake.jpg"
    broken.write_bytes(b"PK\x03\x04 no zip")
    give(page, [broken], "cat")
    says(page, "broken.zip is no zip, or damaged")
    fake.write_text("no pixels " * 50)
    give(page, [fake], "cat")
    says(page, re.compile(r"None of these files is a photo.*fake\.jpg"))
    give(page, [trip], "cat", steps=600)
    says(page, re.compile("ReCo l|The network learns|Waiting"))
    page.click("#adapt-cancel")
    says(page, "The job was cancelled")
    assert "Traceback" not in page.content()


# Without a browser


def test_a_session_that_expires_takes_its_job_along(monkeypatch, photo, tmp_path):
    monkeypatch.setattr(app, "KEEP_SECONDS", 0.2)
    blocks, holder = app.build_app(Pool(lambda name: None, "mini")), StateHolder()
    blocks.state_session_capacity = 5
    holder.set_blocks(blocks)
    number = next(
        i
        for i, block in blocks.blocks.items()
        if type(block).__name__ == "State" and i > 0 and "ticket" in block.delete_callback.__code__.co_varnames
    )
    queue, began = jobs.Queue(), threading.Event()

    def adapt(*_, control, **__):
        began.set()
        while not control.cancelled:
            time.sleep(0.01)
        raise Cancelled("stopped")

    work = jobs.Work(adapt, Job(("cat",)), str(tmp_path))
    work.take([shrink("cat", photo.read_bytes())])
    holder["someone"][number] = queue.add(work)
    assert began.wait(10)
    holder.delete_all_expired_state()
    assert not work.over
    time.sleep(0.3)
    holder.delete_all_expired_state()
    while not work.over:
        time.sleep(0.01)
    assert not work.folder.exists()
    assert holder["someone"][number] is None


def test_words_and_charts_are_plain_and_escaped():
    assert [course.minutes(s) for s in (3, 47, 55, 100, 1790)] == [
        "10 seconds",
        "50 seconds",
        "1 minute",
        "2 minutes",
        "30 minutes",
    ]
    assert "These are 500 files" in course.estimate(500, 300, jobs.Pace(), 0)
    assert "2 jobs before yours first" in course.estimate(0, 300, jobs.Pace(), 2)
    curve = Curve((Look(5, 1.0, 0.2, 0.7), Look(10, 0.5, 0.4, 0.9)))
    html = course.curves(curve, 20)
    assert html.count("<polyline") == 3
    assert html.count("<circle") == 6
    assert "agrees with itself 90 %" in html
    assert "fewer than six photos" in course.curves(Curve((Look(5, 1.0),)), 20)
    assert "<img" not in course.legend([EVIL]) + course.left_out([LeftOut(EVIL, EVIL)] * 20)


def test_what_reco_never_found_is_said_plainly(tmp_path):
    work = jobs.Work(lambda *_: None, Job(("cat", EVIL)), str(tmp_path))
    work.about = {
        "names": ["cat", EVIL],
        "unknown": [EVIL],
        "shares": {"background": 0.9, "cat": 0.1, EVIL: 0.0},
        "photos": 7,
        "held_out": 1,
        "step": 50,
    }
    html = course.learned(work, b"")
    assert "ReCo found nothing in these photos that it takes for <b>&lt;img" in html
    assert "10.0 %" in html
    assert "<img src=x" not in html
    assert np.all(
        [word in html for word in ("6 photos", f"step 50 of {work.job.recipe.steps}", "by 1 photo kept aside")]
    )
