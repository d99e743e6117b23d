"""The Archive tab: searching, teaching from photos of one's own, saving, loading; that nobody else sees them."""

import gc
import io
import json
import os
import re
import struct
import sys
import threading
import time
import urllib.error
import urllib.request
import zipfile
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
import skimage.data
import torch
from gradio_client import Client, handle_file
from PIL import Image
from playwright.sync_api import Page, expect
from support import tiny_preset
from test_app import PATIENCE, ask, browser, choose, free_port, picture, serving, visit, wait_for_legend  # noqa: F401

import app
from reco_app import own as owned
from reco_app import saved, tiles
from reco_app.own import Own, Photo, Small, join, shrink
from reco_app.preset_pool import Pool
from reco_app.segment import Segmenting
from reco_app.uploads import Uploads
from reco_core.archives.archive import Archive
from reco_core.archives.writer import write_archive
from reco_core.errors import ArchiveError, Cancelled, NamesError, OptionError
from reco_core.models.clip import Clip
from reco_core.models.encoders import ClipEncoder, Networks
from reco_core.models.timm_backbone import Backbone
from reco_core.photo_sources.factory import open_source
from reco_core.pipeline import ReCo
from reco_core.types import Exemplar, LeftOut

VIEWS = ((50, 150, 300), (80, 120, 300), (20, 180, 320), (60, 80, 330), (90, 200, 300))  # top, left, side


@pytest.fixture(scope="session")
def cup_photos(tmp_path_factory) -> list[Path]:
    """Five photos of a cup, for which no model has the name that it is given here."""
    folder, files = tmp_path_factory.mktemp("cups"), []
    for i, (top, left, side) in enumerate(VIEWS):
        view = skimage.data.coffee()[top : top + side, left : left + side][:, :: -1 if i % 2 else 1] * (0.8 + 0.1 * i)
        files.append(folder / f"cup{i}.jpg")
        Image.fromarray(view.clip(0, 255).astype(np.uint8)).save(files[-1])
    return files


@pytest.fixture(scope="session")
def table(tmp_path_factory) -> Path:
    """A photo to find the cup in."""
    file = tmp_path_factory.mktemp("table") / "table.png"
    Image.fromarray(skimage.data.coffee()).save(file)
    return file


def zipped(file: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in members.items():
            out.writestr(name, data)
    return file


def dot(file: Path) -> Path:
    Image.new("RGB", (1, 1)).save(file)
    return file


# Own photos, without a browser


@pytest.fixture
def own(cup_photos) -> Own:
    fresh = Own()
    assert fresh.add(Uploads(list(map(str, cup_photos))), "Zorbl") == (5, [])
    return fresh


def small(seed: int) -> Small:
    """A photo like no other."""
    blocks = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), np.uint8)
    packed = io.BytesIO()
    Image.fromarray(np.kron(blocks, np.ones((4, 4, 1), np.uint8))).save(packed, "PNG")
    return shrink(f"{seed}.png", packed.getvalue())


def test_a_taught_name_is_found_and_the_shared_archive_stays_as_it_is(own, reco):
    used = join(reco, own)
    taught = used.taught(("ZORBL", "cat"))
    assert list(taught) == ["ZORBL"]
    assert all(used.shelf.has(exemplar.row) for exemplar in taught["ZORBL"].exemplars)
    record = taught["ZORBL"].exemplars[0].record
    assert (record.title, record.author, record.licence) == ("Zorbl", "you", "yours, not published")
    presence = {}
    for name, photo in (("cup", skimage.data.coffee()), ("cat", skimage.data.chelsea())):
        references = used.reco.prepare(["ZORBL"], method="reco2", taught=list(taught.values()))
        presence[name] = used.reco.segment(photo, references, method="reco2").presence[0]
    assert presence["cup"] > 0.7
    assert presence["cat"] < 0.3
    assert join(reco, own) is used  # with all that it learned
    assert len(reco.archive) + 5 == len(used.reco.archive)
    assert not reco.prepare(["zorbl"], method="reco2", background=()).concepts[0].served
    assert [used.shelf.has(hit.row) for hit in used.search("zorbl", None, 5)].count(True) >= 4


def test_names_are_joined_and_photos_known_twice_may_get_one(own, cup_photos, reco):
    cat, rocket = (
        shrink(name, tiff(photo))
        for name, photo in (("cat", skimage.data.chelsea()), ("rocket", skimage.data.rocket()))
    )
    assert own.add([cat]) == (1, [])
    assert own.names == {"Zorbl": 5}
    assert own.add([cat, rocket], "zorbl") == (2, [])  # the cat had no name
    assert own.names == {"Zorbl": 7}
    count, left_out = own.add(Uploads([str(cup_photos[0])]), "blorp")
    assert count == 0
    assert "looks the same" in left_out[0].reason
    assert len(join(reco, own).taught(("zorbl",))["zorbl"].exemplars) == 7
    for wrong, error in (("a, b", OptionError), ("!", NamesError)):
        with pytest.raises(error):
            own.add([rocket], wrong)


def tiff(photo: np.ndarray) -> bytes:
    packed = io.BytesIO()
    Image.fromarray(photo).save(packed, "TIFF")
    return packed.getvalue()


def test_photos_are_kept_small_and_the_removed_are_gone(own, reco):
    own.add([shrink("wide", tiff(np.tile(skimage.data.chelsea(), (3, 4, 1))))])
    wide = own.photos[-1]
    assert min(Image.open(own.path(wide)).size) == 448
    joined = join(reco, own)
    before = joined.shelf
    exemplar = joined.taught(("zorbl",))["zorbl"].exemplars[1]
    assert own.remove(lambda photo: photo.name == "Zorbl") == 5
    assert [file.name for file in (own.folder / "photos").iterdir()] == [wide.file]
    assert join(reco, own).taught(("zorbl",)) == {}
    assert before.photo(exemplar.record) is None  # an answer from before has only what the model sees
    assert before.picture(exemplar.row).shape == (14, 14, 3)
    own.remove(lambda photo: True)
    assert not (own.folder / "archives").exists()
    assert join(reco, own).reco is reco


def test_bounds_keep_what_was_there(own, monkeypatch):
    before = own.photos
    monkeypatch.setattr(owned, "MOST_PHOTOS", 7)
    with pytest.raises(OptionError, match=r"too many photos.*Nothing was added"):
        own.add(map(small, range(3)))
    monkeypatch.setattr(owned, "MOST_PHOTOS", 200)
    monkeypatch.setattr(owned, "MOST_BYTES", sum(photo.size for photo in before) + 10)
    with pytest.raises(OptionError, match="too many photos"):
        own.add([small(1)])
    assert own.photos == before
    assert len(list((own.folder / "photos").iterdir())) == 5


def test_cancelling_keeps_what_was_there(own, reco):
    before = own.photos

    def cancelled_while_reading():
        yield small(1)
        own.cancel()
        yield small(2)

    def learn():
        own.cancel()
        join(reco, own)

    with pytest.raises(Cancelled):
        own.add(cancelled_while_reading())
    with pytest.raises(Cancelled):
        own.add([small(3)], learn=learn)
    assert own.photos == before
    own.cancel()  # nothing to cancel
    assert own.add([small(4)], learn=lambda: join(reco, own)) == (1, [])


def test_two_changes_at_once_are_refused(own):
    began, go_on = threading.Event(), threading.Event()

    def slow():
        began.set()
        go_on.wait(10)
        yield small(1)

    adding = threading.Thread(target=own.add, args=(slow(),))
    adding.start()
    began.wait(10)
    with pytest.raises(OptionError, match="being changed already"):
        own.remove(lambda photo: True)
    go_on.set()
    adding.join()
    assert len(own.photos) == 6


def test_folders_go_with_their_owners(cup_photos):
    folders = []
    for how in (Own.close, lambda own: None):
        mine = Own()
        mine.add(Uploads([str(cup_photos[0])]))
        folders.append(mine.folder)
        assert mine.folder.stat().st_mode & 0o77 == 0  # nobody else's on this machine
        how(mine)
        del mine
    gc.collect()
    assert not any(folder.exists() for folder in folders)


def test_sessions_expire(reco, cup_photos, monkeypatch):
    monkeypatch.setattr(app, "KEEP_SECONDS", 0.2)
    blocks = app.build_app(Pool(lambda name: reco, "mini"))
    from gradio.state_holder import StateHolder

    holder = StateHolder()
    blocks.state_session_capacity = 5
    holder.set_blocks(blocks)
    number = next(
        i
        for i, block in blocks.blocks.items()
        if type(block).__name__ == "State" and i > 0 and "close" in block.delete_callback.__code__.co_names
    )
    mine = holder["someone"][number] = Own()
    mine.add(Uploads([str(cup_photos[0])]))
    assert mine.folder.exists()
    holder.delete_all_expired_state()
    assert mine.folder.exists()
    time.sleep(0.3)
    holder.delete_all_expired_state()
    assert not mine.folder.exists()
    assert holder["someone"][number] is None


def test_another_preset_reads_the_photos_anew(own, reco, photo_folder, tmp_path):
    torch.manual_seed(0)
    preset = tiny_preset.preset(
        dict.fromkeys(("clip.safetensors", "dense.safetensors"), ""),
        dict.fromkeys(("clip.safetensors", "dense.safetensors"), ""),
        str(tmp_path / "a"),
    )
    clip = Clip(tiny_preset.CLIP_NAME, "clearclip", True)
    encoder = ClipEncoder(preset, Networks(clip, clip, Backbone(tiny_preset.BACKBONE_NAME)), "cpu", torch.float32)
    write_archive(tmp_path / "a", open_source(photo_folder), encoder)
    other = ReCo(encoder, Archive(tmp_path / "a"))
    for models in (reco, other, reco):
        used = join(models, own)
        concept = used.taught(("zorbl",))["zorbl"]
        assert used.reco.encoder.preset is models.encoder.preset
        assert used.reco.segment(
            skimage.data.coffee(), used.reco.prepare(["zorbl"], taught=[concept])
        ).labels.shape == (400, 600)
    assert {folder.name for folder in (own.folder / "archives").iterdir()} == {"mini", "tiny"}
    saved.save(own, reco.encoder, tmp_path / "mini.zip")
    with pytest.raises(ArchiveError, match=r"saved with other models.*preset mini.*preset tiny"):
        saved.load(tmp_path / "mini.zip", encoder)


def test_saved_and_loaded_photos_give_the_same_bytes(own, reco, tmp_path):
    own.add([shrink("cat", tiff(skimage.data.chelsea()))])
    saved.save(own, reco.encoder, tmp_path / "mine.zip")
    again = Own()
    assert again.add(saved.load(tmp_path / "mine.zip", reco.encoder)) == (6, [])
    assert again.photos == own.photos
    first, second = (holder.archive(reco.encoder) for holder in (own, again))
    assert (first / "manifest.json").read_bytes() == (second / "manifest.json").read_bytes()
    count, left_out = again.add(saved.load(tmp_path / "mine.zip", reco.encoder))  # joins, and there is nothing new
    assert (count, len(left_out)) == (0, 6)
    with zipfile.ZipFile(tmp_path / "mine.zip") as opened:
        opened.extractall(tmp_path / "home")
    archive = Archive(tmp_path / "home")  # as one of one's own, with its photos beside it
    assert all((tmp_path / "home" / "photos" / record.file).is_file() for record in archive.records)
    with pytest.raises(OptionError, match="nothing to save"):
        saved.save(Own(), reco.encoder, tmp_path / "none.zip")


@pytest.mark.parametrize(
    "change",
    [
        lambda files: {**files, "../evil.txt": b"x"},
        lambda files: {**files, "/etc/evil": b"x"},
        lambda files: {**files, "photos/../../evil.jpg": b"x"},
        lambda files: {**files, "photos.json": b"["},
        lambda files: {**files, "photos.json": b"[" * 100_000},
        lambda files: {**files, "photos.json": json.dumps([{"file": "../../x", "name": ""}] * 5).encode()},
        lambda files: {**files, "photos.json": files["photos.json"].replace(b"Zorbl", b"a, b")},
        lambda files: {**files, "manifest.json": b"{}"},
        lambda files: {name: data for name, data in files.items() if not name.startswith("typical")},
        lambda files: {
            name: data[:-1] + b"!" if name.startswith("features-") else data for name, data in files.items()
        },
        lambda files: {name: data + b"!" if name.startswith("photos/") else data for name, data in files.items()},
        lambda files: {name: data for name, data in files.items() if not name.startswith("photos/")},
        lambda files: {"notes.txt": b"hello"},
    ],
)
def test_what_was_not_saved_here_is_refused(own, reco, tmp_path, change):
    saved.save(own, reco.encoder, tmp_path / "mine.zip")
    with zipfile.ZipFile(tmp_path / "mine.zip") as opened:
        files = {name: opened.read(name) for name in opened.namelist()}
    with pytest.raises(ArchiveError, match=r"changed.zip is not what was saved here") as refused:
        saved.load(zipped(tmp_path / "changed.zip", change(files)), reco.encoder)
    assert "/tmp" not in str(refused.value)
    assert not (tmp_path.parent / "evil.txt").exists()


def test_zips_are_bounded(tmp_path, cup_photos):
    bomb = zipped(tmp_path / "bomb.zip", {"a.jpg": b"\0" * 120_000_000})
    with pytest.raises(ArchiveError, match=r"bomb.zip is too large. Given: 120 MB unpacked"):
        Uploads([str(bomb)])
    lying = tmp_path / "lying.zip"
    lying.write_bytes(bomb.read_bytes().replace(struct.pack("<I", 120_000_000), struct.pack("<I", 50_000)))
    assert [entry.reason.partition(":")[0] for entry in Uploads([str(lying)]) if isinstance(entry, LeftOut)] == [
        "damaged"
    ]
    many = zipped(tmp_path / "many.zip", {f"{i}.txt": b"" for i in range(1001)})
    with pytest.raises(ArchiveError, match=r"too large.*1,001 files"):
        Uploads([str(many)])
    good = zipped(
        tmp_path / "good.zip",
        {
            "trip/one.JPG": cup_photos[0].read_bytes(),
            "trip/notes.txt": b"x",
            "__MACOSX/trip/._one.jpg": b"x",
            "trip/broken.png": b"\x89PNG",
            "trip/../../up.jpg": cup_photos[1].read_bytes(),
        },
    )
    mine = Own()
    count, left_out = mine.add(Uploads([str(good), str(dot(tmp_path / "dot.png"))]))
    assert count == 1
    assert {entry.file for entry in left_out} == {"notes.txt", "broken.png", "dot.png"}


def test_html_of_own_photos_is_escaped(reco):
    evil = '"><script>alert(1)</script>'
    photo, hit = Photo("a.jpg", evil, 1, 1), replace(reco.archive.records[0], title=evil, author=evil)
    html = tiles.belongings([photo], {"a.jpg": (0.5, 2)}, lambda photo: "data:x") + tiles.taught({evil: 3})
    html += tiles.added(1, evil, [LeftOut(evil, evil)] * 20) + tiles.told(evil)
    html += tiles.results([Exemplar(0, 0.5, (0.5, 0.5), 0, hit)], lambda _: ("", ""), lambda row: True, 1)
    assert "<script" not in html
    assert "left:100.0%" in html
    assert "and 8 more" in html


def test_an_answer_outlives_the_photos_it_came_from(own, reco, table, tmp_path):
    handlers = Segmenting(Pool(lambda name: reco, "mini"), None, str(tmp_path))
    (answer, *_) = handlers.run(str(table), "zorbl", "reco2", 5, "", "", "", 0.5, None, own)
    assert handlers.exemplars(answer, own)[1].count("<img") == 5
    own.remove(lambda photo: True)
    _, html, kept, line = handlers.exemplars(answer, own)
    assert (html.count("<img"), html.count("background-image"), html.count(">yours<")) == (0, 5, 5)
    assert (kept, line) == (own, "")
    assert handlers.redraw(answer, [0], 0.3)


# The page


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where the server keeps what is temporary."""
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def address(folder):
    port = free_port()
    command = [sys.executable, "app.py", "--port", str(port)]
    yield from serving(command, port, folder / "log.txt", {**os.environ, "TMPDIR": str(folder)})
    assert not list(folder.glob("reco-own-*"))  # the server took them along when it ended


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def give(page: Page, files: list[Path], name: str = "") -> None:
    """Drop files and press Add, without waiting for what comes of it."""
    tab(page, "Archive")
    if page.locator("#drop [aria-label='Clear']").count():
        page.locator("#drop [aria-label='Clear']").click()
    page.locator("#drop input[type=file]").set_input_files(files)
    expect(page.locator("#drop .file-preview tr")).to_have_count(len(files), timeout=PATIENCE)
    page.locator("#what input, #what textarea").fill(name)
    page.click("#add")


def says(page: Page, text: str | re.Pattern) -> None:
    expect(page.locator("#report")).to_contain_text(text, timeout=PATIENCE)


def complains(page: Page, about: str) -> None:
    expect(page.get_by_test_id("toast-text").filter(has_text=re.compile(about))).to_be_visible(timeout=PATIENCE)
    page.get_by_test_id("toast-close").first.click()
    expect(page.get_by_test_id("toast-text")).to_have_count(0, timeout=PATIENCE)


def bring(page: Page, file: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.click("#load")
    chooser.value.set_files(file)


def search(page: Page, words: str, count: int = 20) -> list[str]:
    tab(page, "Archive")
    page.locator("#words input, #words textarea").fill(words)
    page.evaluate("document.querySelector('#found .reco-tiles')?.classList.add('old')")
    page.click("#search")
    expect(page.locator("#found .reco-tiles:not(.old) .reco-tile")).to_have_count(count, timeout=PATIENCE)
    return page.locator("#found .reco-tile").all_inner_texts()


def segmented(page: Page) -> tuple[np.ndarray, str]:
    """The overlay for the taught name, and what the legend says of it."""
    tab(page, "Segment")
    expect(page.locator("#taught")).to_contain_text("zorbl (5 photos)")
    source = page.locator("#overlay img").get_attribute("src") if page.locator("#overlay img").count() else ""
    ask(page, "zorbl")
    expect(page.locator("#overlay img")).not_to_have_attribute("src", source or "", timeout=PATIENCE)
    expect(page.locator("#gallery .reco-yours")).to_have_count(5, timeout=PATIENCE)
    assert page.locator("#gallery img").count() == 5
    return picture(page, "#overlay"), page.locator("#legend .reco-row").first.inner_text()


def sees_nothing(page: Page, address: str, folder: Path) -> None:
    """Another visitor: neither the page nor the API know of zorbl, and the photos are not served."""
    tab(page, "Archive")
    expect(page.locator("#nothing")).to_be_visible()
    assert not any("yours" in text for text in search(page, "zorbl"))
    tab(page, "Segment")
    ask(page, "zorbl")
    wait_for_legend(page, "zorbl")
    expect(page.locator("#legend")).to_contain_text("not in this archive")
    expect(page.locator("#gallery .reco-yours")).to_have_count(0)
    client = Client(address, verbose=False)
    assert not any(hit["author"] == "you" for hit in client.predict("zorbl", None, 60, api_name="/search"))
    kept = next(folder.glob("reco-own-*/photos/*.jpg"))
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{address}gradio_api/file={quote(str(kept))}", timeout=10)


def test_teach_find_save_and_load_and_nobody_else_sees_it(visit, cup_photos, table, tmp_path, address, folder):  # noqa: F811
    page, other = visit(), visit()
    for one in (page, other):
        choose(one, table)
        ask(one, "zorbl")
        wait_for_legend(one, "zorbl")
        expect(one.locator("#legend")).to_contain_text("not in this archive")
        expect(one.locator("#legend")).to_contain_text("add photos of it in the Archive tab")
    give(page, [*cup_photos, cup_photos[0], dot(tmp_path / "dot.png")], "zorbl")
    says(page, "Added 5 photos of zorbl. Type this name in the Segment tab.")
    says(page, "cup0.jpg: looks the same as another of your photos")
    says(page, "dot.png: too small. Given: 1 x 1 pixels")
    expect(page.locator("#own .reco-tile")).to_have_count(5)
    expect(page.locator("#own .reco-seed")).to_have_count(5)
    first, row = segmented(page)
    assert 30 < float(re.search(r"([\d.]+) %", row)[1]) < 90
    expect(page.locator("#legend")).not_to_contain_text("not found")
    assert sum("yours" in text for text in search(page, "zorbl")) >= 4

    with page.expect_download() as download:
        page.click("#save")
    file = tmp_path / "mine.zip"
    download.value.save_as(file)
    mine = {name for name in zipfile.ZipFile(file).namelist() if name.startswith("photos/")}
    assert len(mine) == 5

    sees_nothing(other, address, folder)
    # a new session
    again = visit()
    choose(again, table)
    tab(again, "Archive")
    bring(again, file)
    says(again, "Added 5 photos.")
    second, row_again = segmented(again)
    assert row_again == row
    assert np.array_equal(first, second)


def test_search_by_words_by_photo_and_by_both(visit, chelsea):  # noqa: F811
    page = visit()
    assert sum("cat" in text for text in search(page, "cat")) > 10
    expect(page.locator("#found")).to_contain_text("The nearest 20 of 6,874 photos")
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


def test_search_endpoint(address, chelsea):
    client = Client(address, verbose=False)
    endpoint = client.view_api(return_format="dict", print_info=False)["named_endpoints"]["/search"]
    assert "Find photos in the archive" in endpoint["description"]
    found = client.predict("cat", None, 5, api_name="/search")
    assert len(found) == 5
    assert {"similarity", "title", "author", "licence", "landing_url", "source_url"} <= set(found[0])
    assert len(client.predict(photo=handle_file(str(chelsea)), k=3, words="", api_name="/search")) == 3
    with pytest.raises(Exception, match=r"(?i)nothing to search for"):
        client.predict("", None, 5, api_name="/search")
    data = ["", {"path": str(chelsea), "meta": {"_type": "gradio.FileData"}}, 3, ""]  # a file of the server
    request = urllib.request.Request(
        f"{address}gradio_api/call/search", json.dumps({"data": data}).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as reply:
        event = json.load(reply)["event_id"]
    with urllib.request.urlopen(f"{address}gradio_api/call/search/{event}", timeout=30) as reply:
        assert "event: error" in reply.read().decode()


def test_what_cannot_be_added_is_told_and_nothing_is_lost(visit, cup_photos, tmp_path, folder):  # noqa: F811
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
    give(page, [zipped(tmp_path / "crowd.zip", {f"{i}.jpg": small(i).data for i in range(202)})])
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


def test_adding_can_be_cancelled(visit, tmp_path, cup_photos):  # noqa: F811
    page = visit()
    give(page, [cup_photos[0]], "zorbl")
    says(page, "Added 1 photo")
    give(page, [zipped(tmp_path / "crowd.zip", {f"{i}.jpg": small(i).data for i in range(199)})])
    page.click("#cancel-add")
    says(page, "Adding was cancelled. Your photos are as they were before.")
    expect(page.locator("#cancel-add")).to_be_hidden(timeout=PATIENCE)
    expect(page.locator("#own .reco-tile")).to_have_count(1)


def test_archive_tab_on_a_phone(visit, cup_photos):  # noqa: F811
    page = visit(width=390, height=844)
    give(page, cup_photos, "a rather long name for what is only a cup")
    says(page, "Added 5 photos")
    search(page, "cup")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    parts = "main .block, main button, main img, main figure, main p, main h3"
    rightmost = "parts => Math.max(...[...document.querySelectorAll(parts)].map(e => e.getBoundingClientRect().right))"
    assert page.evaluate(rightmost, parts) <= 390
