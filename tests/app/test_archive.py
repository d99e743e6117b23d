"""The tab Teach in a real browser: searching, teaching from photos of one's own; that nobody else sees them."""

import re
import urllib.error
import urllib.request
import zipfile
from pathlib import Path
from urllib.parse import quote

import pytest
from gradio_client import Client
from playwright.sync_api import Page, expect
from support.page import PATIENCE, ask, choose, complains, drop, fits, found, state, tab
from support.photos import dot, pattern, zipped


def give(page: Page, files: list[Path], name: str = "") -> None:
    """Drop files and press Add, without waiting for what comes of it."""
    tab(page, "Teach")
    drop(page, "#drop", files)
    page.locator("#what :is(input, textarea)").fill(name)
    page.click("#add")


def says(page: Page, text: str | re.Pattern) -> None:
    expect(page.locator("#report")).to_contain_text(text, timeout=PATIENCE)


def bring(page: Page, file: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.click("#load")
    chooser.value.set_files(file)


def search(page: Page, words: str, count: int = 20) -> list[str]:
    tab(page, "Teach")
    page.locator("#words input, #words textarea").fill(words)
    page.evaluate("document.querySelector('#found .reco-tiles')?.classList.add('old')")
    page.click("#search")
    expect(page.locator("#found .reco-tiles:not(.old) .reco-tile")).to_have_count(count, timeout=PATIENCE)
    return page.locator("#found .reco-tile").all_inner_texts()


def shares(page: Page) -> str:
    """What the legend says of the taught name."""
    tab(page, "Find")
    expect(page.locator("#taught")).to_contain_text("zorbl (5 photos)")
    ask(page, '"zorbl"')
    row = page.locator('#viewer [data-name="zorbl"][data-answer="found"]')
    expect(row).to_have_count(1, timeout=PATIENCE)  # the answer before, without the photos, was another
    expect(page.locator("#evidence [data-drop]")).to_have_count(5, timeout=PATIENCE)
    return page.locator("#viewer .picture").get_attribute("aria-label")


def sees_nothing(page: Page, address: str, folder: Path) -> None:
    """Another visitor: neither the page nor the API know of zorbl, and the photos are not served."""
    tab(page, "Teach")
    expect(page.locator("#nothing")).to_be_visible()
    assert not any("yours" in text for text in search(page, "zorbl"))
    tab(page, "Find")
    ask(page, '"zorbl"')
    assert found(page, "zorbl") != {"zorbl": "found"}
    client = Client(address, verbose=False)
    assert not any(hit["author"] == "you" for hit in client.predict("zorbl", "", 60, api_name="/search")["photos"])
    kept = next(folder.glob("reco-app-*/private/owned-reco-user-photos-*/photos/*.jpg"))
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{address}gradio_api/file={quote(str(kept))}", timeout=10)


@pytest.mark.slow
def test_teach_find_save_and_load_and_nobody_else_sees_it(visit, cup_photos, table, tmp_path, address, server_folder):
    page, other = visit(), visit()
    for one in (page, other):
        state(one, "done")
        choose(one, table)
        state(one, "empty")
        ask(one, '"zorbl"')
        assert found(one, "zorbl") != {"zorbl": "found"}
    give(page, [*cup_photos, cup_photos[0], dot(tmp_path / "dot.png")], "zorbl")
    says(page, "Added 5 photos of zorbl. Type this name in the Find tab.")
    says(page, "cup0.jpg: looks the same as another of your photos")
    says(page, "dot.png: too small. Given: 1 x 1 pixels")
    expect(page.locator("#own .reco-tile")).to_have_count(5)
    expect(page.locator("#own .reco-seed")).to_have_count(5)
    said = shares(page)
    assert 30 < float(re.search(r"([\d.]+) %", said)[1]) < 90
    assert sum("yours" in text for text in search(page, "zorbl")) >= 4

    with page.expect_download() as download:
        page.click("#save")
    file = tmp_path / "mine.zip"
    download.value.save_as(file)
    mine = {name for name in zipfile.ZipFile(file).namelist() if name.startswith("photos/")}
    assert len(mine) == 5

    sees_nothing(other, address, server_folder)
    # a new session
    again = visit()
    state(again, "done")
    choose(again, table)
    state(again, "empty")
    tab(again, "Teach")
    bring(again, file)
    says(again, "Added 5 photos.")
    assert shares(again) == said


def test_search_by_words_by_photo_and_by_both(visit, chelsea):
    page = visit()
    assert sum("cat" in text for text in search(page, "cat")) > 10
    expect(page.locator("#found")).to_contain_text("The best 20 of 7,053 photos")
    links = page.locator("#found a").evaluate_all("links => links.map(link => link.href)")
    assert links
    assert all(re.match("https?://", link) for link in links)
    page.locator("#like input[type=file]").set_input_files(chelsea)
    page.wait_for_selector("#like img", state="attached")
    slider = page.locator("#many input[type=number]")
    slider.fill("7")
    slider.press("Tab")
    assert sum("cat" in text or "tabby" in text.lower() for text in search(page, "", 7)) >= 4
    assert search(page, "motorcycle", 7)
    page.locator("#like").get_by_label("Remove Image").click()
    page.locator("#words input, #words textarea").fill(" ")
    page.click("#search")
    expect(page.locator("#found")).to_contain_text("Nothing to search for", timeout=PATIENCE)


@pytest.mark.slow
def test_what_cannot_be_added_is_told_and_nothing_is_lost(visit, cup_photos, tmp_path):
    page = visit()
    give(page, cup_photos[:2], "zorbl")
    says(page, "Added 2 photos of zorbl")
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"PK\x03\x04 no zip")
    give(page, [broken])
    says(page, "broken.zip is no zip, or damaged")
    give(page, [zipped(tmp_path / "texts.zip", {"a.txt": b"a", "b.txt": b"b"})])
    says(page, re.compile(r"Nothing was added.*a\.txt: no photo.*b\.txt: no photo", re.DOTALL))
    give(page, [zipped(tmp_path / "bomb.zip", {"a.jpg": b"\0" * 120_000_000})])
    says(page, "bomb.zip is too large")
    give(page, [zipped(tmp_path / "crowd.zip", {f"{i}.jpg": pattern(i).data for i in range(202)})])
    says(page, re.compile("too many photos.*Nothing was added"))
    give(page, [dot(tmp_path / "dot.png")])
    says(page, re.compile("Nothing was added.*dot.png: too small", re.DOTALL))
    give(page, [cup_photos[2]], "a, b")
    says(page, "several names")
    bring(page, tmp_path / "texts.zip")
    says(page, "texts.zip is not what was saved here")
    expect(page.locator("#own .reco-tile")).to_have_count(2)

    # Remove one, a name, everything; files too.
    give(page, [cup_photos[3]])
    says(page, "Added 1 photo.")
    expect(page.locator("#own .reco-tile")).to_have_count(3)
    page.get_by_label("Remove photo 1 of zorbl").click()
    says(page, "Removed 1 photo.")
    expect(page.locator("#own .reco-seed")).to_have_count(1, timeout=PATIENCE)
    expect(page.locator("#taught")).to_contain_text("zorbl (1 photo)")
    page.locator("[data-remove='name:zorbl']").click()
    expect(page.locator("#own .reco-tile")).to_have_count(1)
    expect(page.locator("#taught p")).to_have_count(0)
    page.get_by_text("Remove everything").click()
    page.get_by_text("Yes, remove all").click()
    expect(page.locator("#nothing")).to_be_visible()
    page.click("#save")
    complains(page, "nothing to save yet")
    page.click("#add")
    says(page, "There are no photos")
    assert "Traceback" not in page.content()


@pytest.mark.slow
def test_adding_can_be_cancelled(visit, tmp_path, cup_photos):
    page = visit()
    give(page, [cup_photos[0]], "zorbl")
    says(page, "Added 1 photo")
    give(page, [zipped(tmp_path / "crowd.zip", {f"{i}.jpg": pattern(i).data for i in range(199)})])
    page.click("#cancel-add")
    says(page, "Adding was cancelled. Your photos are as they were before.")
    expect(page.locator("#cancel-add")).to_be_hidden(timeout=PATIENCE)
    expect(page.locator("#own .reco-tile")).to_have_count(1)


@pytest.mark.slow
def test_archive_tab_on_a_phone(visit, cup_photos):
    page = visit(width=390, height=844)
    give(page, cup_photos, "a rather long name for what is only a cup")
    says(page, "Added 5 photos")
    search(page, "cup")
    fits(page)
