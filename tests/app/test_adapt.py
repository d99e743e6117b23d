"""The tab Train in a real browser: from photos to a specialist that is tried out; waiting, cancelling, bad input."""

import io
import re
import sys
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import skimage.data
from PIL import Image
from playwright.sync_api import Page, expect
from support.page import EVIL, PATIENCE, drop, fits, tab
from support.server import serving

from reco_core.adaptation.specialist import Specialist

FILES = {"README.md", "curve.png", "examples.jpg", "specialist.json", "specialist.onnx"}
WEIGHTS = "specialist.safetensors"


@pytest.fixture(scope="module")
def quick_server(tmp_path_factory) -> Iterator[tuple[str, Path]]:
    """A server whose specialists learn in seconds, and the folder where it keeps what is temporary."""
    folder = tmp_path_factory.mktemp("quick")
    with serving([sys.executable, "tests/support/quick_app.py"], folder) as url:
        yield url, folder


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
    tab(page, "Train")
    drop(page, "#adapt-drop", files)
    page.locator("#adapt-names :is(input, textarea)").fill(names)
    page.locator("#adapt-everything input").set_checked(everything)
    number = page.locator("#adapt-steps input[type=number]")
    number.fill(str(steps))
    number.press("Tab")
    expect(page.locator("#adapt-time")).to_contain_text(f"{steps} steps", timeout=PATIENCE)
    page.click("#adapt-start")


def says(page: Page, text: str | re.Pattern) -> None:
    expect(page.locator("#adapt-report")).to_contain_text(text, timeout=PATIENCE)


def kept(folder: Path) -> set[Path]:
    return set(folder.rglob("owned-reco-adapt-*"))


def downloaded(page: Page, folder: Path) -> Specialist:
    with page.expect_download() as download:
        page.click("#adapt-download")
    assert download.value.suggested_filename == "specialist.zip"
    with zipfile.ZipFile(download.value.path()) as packed:
        packed.extractall(folder)
    return Specialist(folder / "specialist", "cpu")


@pytest.mark.slow
def test_from_photos_to_a_specialist_that_is_tried(visit, trip, chelsea, tmp_path, quick_server):
    address, folder = quick_server
    page, other = visit(width=390, height=844, address=address), visit(address=address)
    give(page, [trip], f"cat, cup, {EVIL}", steps=600, everything=True)
    expect(page.locator("#adapt-time")).to_contain_text("for your 8 photos")
    says(page, re.compile("ReCo labels photo|The network learns"))
    says(page, "notes.txt: no photo")
    says(page, "<b>fake.jpg: ")
    give(other, [trip], "rocket", steps=600)
    says(other, "1 job before yours, about ")
    (mine,) = (path for path in kept(folder) if (path / "specialist").exists())
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{address}gradio_api/file={quote(str(next(mine.glob('*.jpg'))))}", timeout=10)

    charts = page.locator("#adapt-look svg polyline")
    expect(charts).to_have_count(3, timeout=PATIENCE)
    expect(page.locator("#adapt-look figcaption").filter(has_text="Network, step")).to_be_visible()
    expect(page.locator("#adapt-look .reco-marks img")).to_have_count(3, timeout=PATIENCE)
    expect(page.locator("#adapt-look .reco-names")).to_contain_text(EVIL)
    fits(page, "#adapt")
    expect(other.locator("#adapt-look img")).to_have_count(0)

    page.click("#adapt-finish")
    expect(page.locator("#learned")).to_be_visible(timeout=5 * PATIENCE)
    expect(page.locator("#learned")).to_contain_text(re.compile(r"step \d+ of 600 was the best"))
    expect(page.locator("#learned")).to_contain_text("cup")
    expect(page.locator("#adapt-start")).to_be_enabled()
    specialist = downloaded(page, tmp_path)
    assert specialist.names == ("cat", "cup", EVIL)
    assert specialist.about["job"]["background"] == [] and specialist.about["shares"]["background"] == 0
    trained = {WEIGHTS} if not specialist.own else set()  # after so short a training ReCo itself may be better
    assert {file.name for file in (tmp_path / "specialist").iterdir()} == FILES | trained
    expect(page.get_by_text("this is ReCo itself with your names")).to_have_count(int(specialist.own))
    assert specialist.segment(skimage.data.chelsea()).labels.shape == (300, 451)

    page.locator("#adapt-photo input[type=file]").set_input_files(chelsea)
    page.wait_for_selector("#adapt-photo img", state="attached")
    page.click("#adapt-compare")
    pair = page.locator("#adapt-compared .reco-pair figure")
    expect(pair).to_have_count(2, timeout=PATIENCE)
    assert [re.match(r"(\w+): \d+\.\d\d seconds", text)[1] for text in pair.all_inner_texts()] == ["Specialist", "ReCo"]
    expect(page.locator("#adapt-compared tr")).to_have_count(4)
    fits(page, "#adapt")
    assert page.evaluate("document.querySelectorAll('img[src=x]').length") == 0

    # The other's turn has come; what it stops is deleted.
    says(other, re.compile("ReCo l|The network learns"))
    expect(other.locator("#learned")).to_have_count(0)
    others = kept(folder) - {mine}
    other.click("#adapt-cancel")
    says(other, "The job was cancelled. Nothing of it is kept.")
    expect(other.locator("#adapt-start")).to_be_enabled(timeout=PATIENCE)
    assert not others & kept(folder)


@pytest.mark.slow
def test_bad_input_is_told_and_the_tab_goes_on(visit, trip, tmp_path):
    page = visit()
    tab(page, "Train")
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
    page.reload()  # it goes on
    tab(page, "Train")
    says(page, re.compile("ReCo l|The network learns|Waiting"))
    expect(page.locator("#adapt-start")).to_be_disabled()
    page.click("#adapt-cancel")
    says(page, "The job was cancelled")
    assert "Traceback" not in page.content()
