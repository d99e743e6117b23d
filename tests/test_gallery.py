"""The app's handlers and HTML by themselves."""

from dataclasses import replace

import gradio as gr
import pytest
import skimage.data
from PIL import Image

from reco_app import gallery
from reco_app.preset_pool import Pool
from reco_app.segment import Segmenting, forget
from reco_app.told import told
from reco_core.export import is_found
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


@pytest.fixture
def handlers(reco, tmp_path) -> Segmenting:
    return Segmenting(Pool(lambda name: reco, "mini"), None, str(tmp_path))


def test_large_photo_is_shown_small_and_its_labels_stay_large(handlers, tmp_path):
    file = tmp_path / "large.jpg"
    Image.fromarray(skimage.data.chelsea()).resize((2000, 1330)).save(file)
    shown = handlers.run(str(file), "cat", "reco2", 5, "", "", "", 0.5, None)
    answer, _, picture_file, _, _, _, labels, _ = shown
    assert Image.open(picture_file).size == (1600, 1064)
    assert Image.open(labels).size == (2000, 1330)
    assert answer.photo.shape == (1064, 1600, 3)
    assert answer.labels.shape == (1064, 1600)
    forget(answer)
    assert not answer.folder.exists()
    with pytest.raises(gr.Error, match="no longer kept"):
        handlers.redraw(answer, [0], 0.5)


def test_unexpected_errors_are_logged_and_not_shown(caplog):
    with pytest.raises(gr.Error) as shown, told():
        raise ZeroDivisionError("secret detail")
    assert "secret" not in str(shown.value)
    assert "secret detail" in caplog.text


def test_error_text_is_escaped(handlers, chelsea):
    with pytest.raises(gr.Error) as shown:
        handlers.run(str(chelsea), "<img src=x>" * 20, "reco2", 5, "", "", "", 0.5, None)
    assert "<img" not in str(shown.value)


def test_local_photos_are_used_and_stay_in_their_folder(reco, tmp_path, chelsea):
    folder = tmp_path / "photos"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "b.jpg").write_bytes(chelsea.read_bytes())
    (tmp_path / "secret.png").write_bytes(chelsea.read_bytes())
    handlers = Segmenting(Pool(lambda name: reco, "mini"), folder, str(tmp_path))
    photo, stand_in = handlers._pictures("", Exemplar(0, 0.5, (0.5, 0.5), 1.0, RECORD))
    assert photo.startswith("data:image/jpeg;base64,")
    assert stand_in.startswith("data:image/jpeg;base64,")
    for outside in ("../secret.png", str(tmp_path / "secret.png"), "missing.jpg"):
        record = replace(RECORD, file=outside)
        assert handlers._pictures("", Exemplar(0, 0.5, (0.5, 0.5), 1.0, record))[0] == RECORD.source_url


def test_tile_has_seed_similarity_author_and_licence():
    html = gallery.tile(Exemplar(3, 0.613, (0.25, 0.75), 1.0, RECORD), RECORD.source_url, "data:image/jpeg;base64,AA==")
    assert 'style="left:75.0%;top:25.0%"' in html
    assert "similarity 0.61" in html
    assert '<a href="https://example.org/b" target="_blank" rel="noopener noreferrer nofollow">A. Author</a>' in html
    assert ">CC BY-SA 2.0</a>" in html
    assert 'loading="lazy"' in html
    assert 'referrerpolicy="no-referrer"' in html
    assert "background-image:url(data:image/jpeg;base64,AA==)" in html


def test_html_is_escaped_and_only_web_addresses_are_linked(reco):
    evil = '"><script>alert(1)</script>'
    record = replace(RECORD, author=evil, title=evil, licence=evil, landing_url="javascript:alert(1)")
    html = gallery.tile(Exemplar(3, 0.6, (0.2, 0.7), 1.0, record), "", "")
    concept = replace(reco.prepare(["cat"], k=2, background=()).concepts[0], name=evil)
    html += gallery.legend([concept], [0.5], [0.9]) + gallery.gallery([concept], lambda _: ("", ""))
    assert "<script" not in html
    assert "javascript:" not in html
    assert "<img" not in html
    for bad in ("javascript:alert(1)", "data:text/html,x", "ftp://a/b", "//a/b", "https://", "http://a b", "http://["):
        assert gallery.web_url(bad) == ""
    assert gallery.web_url(" https://a.org/b?c ") == "https://a.org/b?c"


@pytest.mark.parametrize(
    ("presence", "share", "expected"), [(0.9, 0.2, True), (0.4, 0.2, False), (0.9, 0.0001, False), (0.5, 0.0005, True)]
)
def test_found(presence, share, expected):
    assert is_found(presence, share) is expected
    assert is_found(presence, share, found_from=0.95) is False


def test_legend_says_why_something_was_not_found(reco):
    concept = reco.prepare(["cat"], k=2, background=()).concepts[0]
    unsure = gallery.legend([concept], [0.2], [0.31])
    nowhere = gallery.legend([concept], [0.0], [0.9])
    rare = gallery.legend([replace(concept, served=False)], [0.2], [0.9])
    assert "not found: it does not seem to be in this photo" in unsure
    assert "width:31%" in unsure
    assert "20.0 %" in unsure
    assert "not found: nothing in the photo fits it best" in nowhere
    assert "not found" not in rare
    assert "the archive hardly has photos of this" in rare
    strict = gallery.legend([concept], [0.2], [0.6], found_from=0.7)
    assert "not found: less sure than the 0.70 that you ask for" in strict
    assert "--from:70%" in strict
    assert "not found" not in gallery.legend([concept], [0.2], [0.6])


def test_legend_offers_to_show_what_was_not_found(reco):
    concept = replace(reco.prepare(["cat"], k=2, background=()).concepts[0], name="<b onclick='x'>")
    faint = gallery.legend([concept] * 2, [0.2, 0.3], [0.9, 0.3], drawn=[0])
    assert f"data-show='1'>{gallery.SHOW}</button>" in faint
    assert faint.count("<button") == faint.count("reco-faint") == 1
    assert "<b " not in faint
    shown = gallery.legend([concept] * 2, [0.2, 0.3], [0.9, 0.3], drawn=[0, 1])
    assert f"data-show='1'>{gallery.HIDE}</button>" in shown
    assert "reco-faint" not in shown
    nowhere = gallery.legend([concept], [0.0], [0.3])
    assert "<button" not in nowhere
    assert "there is nothing to draw" in nowhere


def test_found_from_another_presence_on_without_the_model(handlers, chelsea, monkeypatch):
    answer, _, _, before, ticked, *_ = handlers.run(str(chelsea), "cat, wall", "reco", 5, "", "", "", 0.6, None)
    answer = replace(answer, shares=(0.5, 0.1), presence=(0.9, 0.6))
    monkeypatch.setattr(handlers, "_answer", None)
    assert ticked.value == [0]
    assert handlers.judge(answer, [0], 0.6, 0.5) == (gr.skip(),) * 5
    lenient, *_ = handlers.judge(replace(answer, found_from=0.9), [], 0.6, 0.5)  # cat stays unticked
    assert lenient.found == (True, True)
    strict, _, after, ticked, legend = handlers.judge(answer, [1], 0.6, 0.8)
    assert ticked.value == []
    assert ticked.choices == [("cat", 0), ("wall (not found)", 1)]
    assert f"data-show='1'>{gallery.SHOW}" in legend
    assert "Dashed outlines: not found." in legend
    assert strict.faint([]) == [1]
    *_, legend = handlers.redraw(strict, [1], 0.6)
    assert f"data-show='1'>{gallery.HIDE}" in legend
    assert "Dashed outlines" not in legend
    assert Image.open(before).size == Image.open(after).size == (451, 300)


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
    assert gallery.licence_name(licence) == name


def test_many_names_share_the_tiles(reco):
    concept = reco.prepare(["cat"], k=20, background=()).concepts[0]
    html = gallery.gallery([concept] * 48, lambda _: ("", ""))
    assert html.count("<figure") == 48 * 5
    assert "learned from 20 photos, the nearest 5 shown" in html
