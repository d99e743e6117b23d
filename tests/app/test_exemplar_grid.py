"""Tiles of an archive's photos: what they say and link, and where their pictures come from."""

from dataclasses import replace

import pytest

from reco_app.components.exemplar_grid import ArchivePhotos, Tile, exemplar_grid
from reco_app.formats import licence_name, web_url
from reco_app.preset_pool import PresetPool
from reco_app.templates import ENVIRONMENT
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
    concept = replace(reco.prepare(["cat"], k=2, background=()).concepts[0], name=evil)
    html += exemplar_grid([concept], lambda exemplar: Tile(exemplar, "", ""))
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
    for outside in ("../secret.png", str(tmp_path / "secret.png"), "missing.jpg"):
        record = replace(RECORD, file=outside)
        assert photos.tile("", Exemplar(0, 0.5, (0.5, 0.5), 1.0, record)).photo == RECORD.source_url


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


def test_many_names_share_the_tiles(reco):
    concept = reco.prepare(["cat"], k=20, background=()).concepts[0]
    html = exemplar_grid([concept] * 48, lambda exemplar: Tile(exemplar, "", ""))
    assert html.count("<figure") == 48 * 5
    assert "learned from 20 photos, the first 5 shown" in html
