"""What names were learned from: the photos, those that may not be shown, and the button that leaves one out."""

from dataclasses import replace
from functools import partial

import gradio as gr
import pytest

from reco_app.components.archive_photos import ArchivePhotos
from reco_app.components.evidence.evidence import Evidence
from reco_app.components.evidence.view import MOST_PICTURES, evidence
from reco_app.preset_pool import PresetPool
from reco_app.templates import stylesheet
from reco_app.visitor.user_photos import with_user_photos
from reco_core.types import Concept, Exemplar, PhotoRecord

CREDIT = ("https://creativecommons.org/licenses/by/2.0/", "photo", "Ann", "a red bus")
RECORD = PhotoRecord("a.jpg", 0, 0, "https://a.org/a.jpg", "0" * 64, "https://a.org/a", *CREDIT)
CLOSED = replace(RECORD, licence="non-commercial research", title="a green bus", landing_url="https://b.org/b")
EVIL = "\"'><img src=x onerror=alert(1)>"


@pytest.fixture
def bus(reco) -> Concept:
    return replace(reco.prepare(["bus"], k=2, background=()).concepts[0], name="bus", exemplars=())


def exemplar(row: int, record: PhotoRecord = RECORD, why: str = "looks") -> Exemplar:
    return Exemplar(row, 0.613, (0.25, 0.75), 1.0, record, why)


def pictured(shown: Exemplar) -> tuple[str, bool]:
    """Rows from 100 on have no picture, those from 50 on are the visitor's."""
    return ("data:image/webp;base64,AA==" if shown.row < 100 else ""), shown.row >= 50


def of(concept: Concept, *exemplars: Exemplar, **options) -> str:
    return str(evidence([replace(concept, exemplars=exemplars)], pictured, **options))


def test_a_photo_has_its_title_point_author_licence_and_button(bus):
    html = of(bus, exemplar(7))
    assert html.count("<details") == html.count("<img") == 1 and "<details open" not in html
    assert 'alt="a red bus"' in html and '<span class="evidence-title">a red bus</span>' in html
    assert 'style="left:75.0%;top:25.0%"' in html
    assert 'href="https://a.org/a"' in html and ">Ann</a>" in html and ">CC BY 2.0</a>" in html
    assert 'data-drop="7" data-of="bus" aria-label="Leave a red bus out of bus"' in html


@pytest.mark.parametrize(
    ("why", "says"),
    [
        ("looks", ">similarity 0.61<"),
        ("title", ">its title says so<"),
        ("both", ">its title says so, similarity 0.61<"),
        ("given", ">given by you<"),
    ],
)
def test_it_says_why_the_photo_was_chosen(bus, why, says):
    assert says in of(bus, exemplar(7, why=why))


def test_the_visitors_own_photos_are_theirs_and_have_no_licence(bus):
    html = of(bus, exemplar(50, replace(RECORD, title="")))
    assert ">yours<" in html and "CC BY" not in html and "your photo" in html


def test_photos_that_may_not_be_shown_are_one_line(bus):
    html = of(bus, exemplar(7), *(exemplar(100 + i, CLOSED) for i in range(14)))
    assert html.count("<img") == html.count("<button") == 1
    assert "14 more photos without a licence to be shown:" in html
    assert html.count('href="https://b.org/b"') == 12 and "and 2 others." in html
    assert "https://a.org/a.jpg" not in html and "base64" not in html.replace("data:image/webp;base64,AA==", "")
    assert "1 photo that cannot be shown here:" in of(bus, exemplar(100))  # its licence is open; it has no picture


def test_many_names_share_the_pictures_and_say_so(bus):
    concept = replace(bus, exemplars=tuple(map(exemplar, range(20))))
    html = str(evidence([concept] * 48, pictured))
    assert html.count("<img") == MOST_PICTURES
    assert html.count("15 more photos are not shown here.") == 48


def test_titles_names_and_addresses_are_texts(bus):
    evil = replace(RECORD, author=EVIL, title=EVIL, licence=EVIL, landing_url="javascript:alert(1)")
    html = of(replace(bus, name=EVIL), exemplar(1, evil), exemplar(100, evil), left_out=[evil])
    assert "<img src=x" not in html and "javascript:" not in html


def test_what_was_left_out_can_be_taken_back(bus):
    assert "data-undo" not in of(bus, exemplar(1))
    assert ">Undo<" in of(bus, left_out=[RECORD])
    assert ">Undo the last one<" in of(bus, left_out=[RECORD, CLOSED])


def test_pictures_ask_nothing_of_other_servers(reco, user_photos):
    """Not the web's, where photos would be fetched from; the visitor's own are there."""
    own = with_user_photos(reco, user_photos)
    concepts = own.reco.prepare(["zorbl", "cat"], taught=list(own.concepts(("zorbl",)).values())).concepts
    picture = partial(ArchivePhotos(PresetPool(lambda name: reco, "mini"), None).picture, "", user_rows=own.user_rows)
    html = str(evidence(concepts, picture))
    assert html.count("<img") == html.count('src="data:image/') >= 5
    assert html.count(">given by you<") == 5


def test_a_photo_of_the_visitors_that_was_left_out_teaches_nothing(reco, user_photos):
    own = with_user_photos(reco, user_photos)
    (before,) = own.concepts(("zorbl",)).values()
    dropped = before.exemplars[0].row
    (after,) = own.concepts(("zorbl",), exclude=own.reco.archive.files([dropped])).values()
    assert {e.row for e in before.exemplars} - {e.row for e in after.exemplars} == {dropped}
    assert own.concepts(("zorbl",), exclude=own.reco.archive.files(e.row for e in before.exemplars)) == {}


@pytest.fixture(scope="module")
def page_address(reco) -> str:
    record = replace(RECORD, title=EVIL)
    concept = replace(reco.prepare(["bus"], k=2, background=()).concepts[0], exemplars=(exemplar(7, record),))
    with gr.Blocks() as page:
        shown, told = Evidence(), gr.Textbox(elem_id="told")
        page.load(lambda: evidence([concept], pictured, [RECORD]), None, shown)
        shown.drop(_told, None, told)
        shown.undo(lambda: "undone", None, told)
    _, address, _ = page.launch(prevent_thread_lock=True, quiet=True, css=stylesheet())
    yield address
    page.close()


def _told(event: gr.EventData) -> str:
    return f"row {event.row} of {event.name}"


def test_buttons_say_which_photo(browser, page_address):
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto(page_address)
    page.click(".evidence-name summary")
    page.click("[data-drop]")
    page.wait_for_function("document.querySelector('#told textarea').value === 'row 7 of bus'")
    page.click("[data-undo]")
    page.wait_for_function("document.querySelector('#told textarea').value === 'undone'")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator(".evidence-title").inner_text() == EVIL
    page.close()
