"""Tiles of an archive's photos: what they say and link, and where their pictures come from."""

import base64
import shutil
from dataclasses import replace
from functools import partial

import pytest

from reco_app.archive.handlers import ArchiveHandlers
from reco_app.components.archive_photos import ArchivePhotos, Tile
from reco_app.context import AppContext
from reco_app.formats import licence_name, web_url
from reco_app.preset_pool import PresetPool
from reco_app.templates import ENVIRONMENT
from reco_app.visitor.user_photos import with_user_photos
from reco_core.archives.archive import Archive
from reco_core.archives.writer import Options, write_archive
from reco_core.photo_sources.factory import open_source
from reco_core.pipeline import ReCo
from reco_core.types import Exemplar, PhotoRecord

RECORD = PhotoRecord(
    "a/b.jpg",
    300,
    200,
    "https://example.org/b.jpg",
    "0" * 64,
    "https://example.org/b",
    "https://creativecommons.org/licenses/by-sa/2.0/",
    "photo",
    "A. Author",
    "a cat",
)


def tile(exemplar: Exemplar, photo: str = "", stand_in: str = "") -> str:
    return str(ENVIRONMENT.get_template("components/photo_tile.html").module.tile(Tile(exemplar, photo, stand_in)))


def test_tile_has_seed_similarity_author_and_licence():
    html = tile(Exemplar(3, 0.613, (0.25, 0.75), 1.0, RECORD), RECORD.source_url, "data:image/jpeg;base64,AA==")
    assert 'style="left:75.0%;top:25.0%"' in html
    assert "similarity 0.61" in html
    assert '<a href="https://example.org/b" target="_blank" rel="noopener noreferrer nofollow">A. Author</a>' in html
    assert ">CC BY-SA 2.0</a>" in html
    assert 'loading="lazy"' in html
    assert 'referrerpolicy="no-referrer"' in html
    assert "background-image:url(data:image/jpeg;base64,AA==)" in html


@pytest.mark.parametrize(
    ("why", "says", "compared"),
    [
        ("looks", "looks like it", True),
        ("title", "called so", True),
        ("both", "called so, looks like it", True),
        ("given", "given by you", False),
    ],
)
def test_tile_says_why_the_photo_was_chosen(why, says, compared):
    html = tile(Exemplar(3, 0.613, (0.25, 0.75), 1.0, RECORD, why))
    assert f'<span class="reco-why">{says}</span>' in html
    assert ("similarity 0.61" in html) is compared


def test_html_is_escaped_and_only_web_addresses_are_linked(reco):
    evil = '"><script>alert(1)</script>'
    record = replace(RECORD, author=evil, title=evil, licence=evil, landing_url="javascript:alert(1)")
    html = tile(Exemplar(3, 0.6, (0.2, 0.7), 1.0, record))
    assert "<script" not in html
    assert "javascript:" not in html
    assert "<img" not in html


def test_web_url():
    for bad in ("javascript:alert(1)", "data:text/html,x", "ftp://a/b", "//a/b", "https://", "http://a b", "http://["):
        assert web_url(bad) == ""
    assert web_url(" https://a.org/b?c ") == "https://a.org/b?c"


def test_local_photos_are_used_and_stay_in_their_folder(reco, tmp_path, chelsea):
    folder = tmp_path / "photos"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "b.jpg").write_bytes(chelsea.read_bytes())
    (tmp_path / "secret.png").write_bytes(chelsea.read_bytes())
    photos = ArchivePhotos(PresetPool(lambda name: reco, "mini"), folder)
    shown = photos.tile("", Exemplar(0, 0.5, (0.5, 0.5), 1.0, RECORD))
    assert shown.photo.startswith("data:image/jpeg;base64,")
    assert shown.stand_in.startswith("data:image/jpeg;base64,")
    bare = next(row for row in range(len(reco.archive)) if reco.archive.thumbnail(row) is None)
    for outside in ("../secret.png", str(tmp_path / "secret.png"), "missing.jpg"):
        record = replace(RECORD, file=outside)
        assert photos.tile("", Exemplar(bare, 0.5, (0.5, 0.5), 1.0, record)).photo == ""


@pytest.fixture(scope="module")
def pictured(reco, photo_folder, tmp_path_factory) -> ReCo:
    """An archive of twenty photos with credits; the cats are openly licensed and have thumbnails."""
    folder = tmp_path_factory.mktemp("pictured")
    lines = ["file\tlicence\tauthor\tsource_url\tlanding_url"]
    for file in sorted(photo_folder.glob("*.jpg")):
        shutil.copy(file, folder)
        licence = "CC BY 2.0" if file.name.startswith("cat") else "CC BY-NC 2.0"
        lines.append(f"{file.name}\t{licence}\tAnn\thttps://example.org/{file.name}\thttps://example.org/page")
    (folder / "manifest.tsv").write_text("\n".join(lines) + "\n")
    write_archive(folder.parent / "a", open_source(folder), reco.encoder, Options(duplicates=True, thumbnails="open"))
    return ReCo(reco.encoder, Archive(folder.parent / "a"))


def row_of(archive: Archive, file: str) -> int:
    return next(row for row, record in enumerate(archive.records) if record.file == file)


def test_thumbnails_come_after_local_photos_and_nothing_from_other_hosts(pictured, photo_folder):
    archive = pictured.archive
    cat, coffee = (
        Exemplar(row, 0.5, (0.2, 0.7), 1.0, archive.records[row])
        for row in map(partial(row_of, archive), ("cat_1.jpg", "coffee_1.jpg"))
    )
    pool = PresetPool(lambda name: pictured, "mini")
    shown = ArchivePhotos(pool, None).tile("", cat)
    assert shown.photo == "data:image/webp;base64," + base64.b64encode(archive.thumbnail(cat.row)).decode()
    assert not shown.stand_in
    other = ArchivePhotos(pool, None).tile("", coffee)
    assert other.photo == ""
    assert other.stand_in.startswith("data:image/jpeg;base64,")
    for exemplar in (cat, coffee):
        assert ArchivePhotos(pool, photo_folder).tile("", exemplar).photo.startswith("data:image/jpeg;base64,")


def test_search_shows_thumbnails_with_credits(pictured, tmp_path):
    context = AppContext(PresetPool(lambda name: pictured, "mini"), cache=tmp_path)
    html = str(ArchiveHandlers(context).show_search("cat", None, 3, "", None)[0])
    assert html.count('<img src="data:image/webp;base64,UklGR') == 3
    assert html.count('<a href="https://example.org/page"') == 3
    assert html.count(">Ann</a>") == html.count(">CC BY 2.0</span>") == 3
    assert "https://example.org/cat" not in html  # nothing is asked of others


def test_an_answer_from_before_shows_its_own_archives_thumbnails(pictured, reco):
    """The preset has another archive by now."""
    row = row_of(pictured.archive, "cat_1.jpg")
    exemplar = Exemplar(row, 0.5, (0.5, 0.5), 1.0, pictured.archive.records[row])
    photos = ArchivePhotos(PresetPool(lambda name: reco, "mini"), None)
    tile = photos.tile("", exemplar, with_user_photos(pictured, None).user_rows)
    assert tile.photo.startswith("data:image/webp;base64,")


@pytest.mark.parametrize(
    ("licence", "name"),
    [
        ("https://creativecommons.org/licenses/by/2.0/", "CC BY 2.0"),
        ("MIT", "MIT"),
        ("", "licence not stated"),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0 1.0"),
        ("https://creativecommons.org/publicdomain/mark/1.0/", "public domain"),
    ],
)
def test_licence_name(licence, name):
    assert licence_name(licence) == name
