"""What the tab Teach shows, without a browser."""

from dataclasses import replace

import gradio as gr
import pytest

from reco_app.api.search import SearchEndpoint
from reco_app.archive.handlers import ArchiveHandlers, photo_list
from reco_app.components.archive_photos import Tile
from reco_app.templates import render
from reco_app.visitor.user_photos import UserPhoto
from reco_core.errors import OptionError
from reco_core.types import Exemplar, LeftOut


def test_html_of_user_photos_is_escaped(reco):
    evil = '"><script>alert(1)</script>'
    photo, record = UserPhoto("a.jpg", evil, 1, 1), replace(reco.archive.records[0], title=evil, author=evil)
    html = photo_list([photo], {"a.jpg": (0.5, 2)}, lambda photo: "data:x")
    html += render("components/taught_names.html", names={evil: 3})
    html += render("archive/added.html", count=1, name=evil, left_out=[LeftOut(evil, evil)] * 20)
    tile = Tile(Exemplar(0, 0.5, (0.5, 0.5), 0, record), evil, evil, by_user=True)
    html += render("archive/search_results.html", tiles=[tile], of=1)
    assert "<script" not in html
    assert "left:100.0%" in html
    assert "and 8 more" in html


def test_what_is_removed(context, user_photos):
    handlers = ArchiveHandlers(context)

    def remove(what: str) -> str:
        return handlers.remove(user_photos, gr.EventData(None, {"what": what}))[2]

    assert "Removed 1 photo." in remove(user_photos.photos[0].file)
    assert remove("name:blorp") == ""
    assert "Removed 4 photos." in remove("name:Zorbl")
    assert remove("all") == ""


@pytest.mark.parametrize("k", [0, 61])
def test_how_many_can_be_found(context, k):
    handlers = ArchiveHandlers(context)
    with pytest.raises(OptionError, match=r"k is out of range.*1 to 60"):
        SearchEndpoint(context, handlers).search("cat", k=k)
    assert "K is out of range" in handlers.show_search("cat", None, k, "mini", None)[0]
