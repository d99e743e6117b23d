"""What discover, search and teach answer, called as Gradio calls them."""

import base64
import tempfile
from collections.abc import Callable

import gradio as gr
import numpy as np
import pytest
from pycocotools import mask as coco_mask
from support.photos import pattern

from reco_app.api.discover import DiscoverEndpoint
from reco_app.api.endpoint import endpoint
from reco_app.api.inline import ZIP
from reco_app.api.search import SearchEndpoint
from reco_app.api.segment import SegmentEndpoint
from reco_app.api.teach import TeachEndpoint
from reco_app.archive.handlers import CREDITS, ArchiveHandlers
from reco_app.discover.handlers import DiscoverHandlers
from reco_app.segment.answering import Answering

Call = Callable[..., dict]


@pytest.fixture
def discover(context) -> Call:
    made = DiscoverEndpoint(context, DiscoverHandlers(context))
    return endpoint(made.discover, made.defaults)


@pytest.fixture
def search(context) -> Call:
    made = SearchEndpoint(context, ArchiveHandlers(context))
    return endpoint(made.search, made.defaults)


@pytest.fixture
def teach(context) -> Call:
    made = TeachEndpoint(context)
    return endpoint(made.teach, made.defaults)


@pytest.fixture
def cups(cup_photos) -> list[str]:
    return [base64.b64encode(file.read_bytes()).decode() for file in cup_photos]


def test_every_segment_has_its_mask(discover, encoded):
    told = discover(encoded, 8, "cat, wall, dog")
    segments = told["segments"]
    assert "cat" in [segment["name"] for segment in segments]
    masks = np.stack([coco_mask.decode(segment["mask"]) for segment in segments])
    assert (masks.sum(0) == 1).all()  # every pixel is of one segment
    for segment, mask in zip(segments, masks, strict=True):
        assert segment["area"] == mask.sum()
        assert segment["box"] == coco_mask.toBbox(segment["mask"]).tolist()
        assert 0 <= segment["confidence"] <= 1
    assert told["overlay"].startswith("data:image/png;base64,")


@pytest.mark.parametrize(
    ("given", "why"), [((None,), "Photo is missing"), (("",), "There is no photo"), (("bm90aGluZw==",), "not an image")]
)
def test_discover_wants_a_photo(discover, given, why):
    with pytest.raises(gr.Error, match=why):
        discover(*given)


def test_discover_has_bounds(discover, encoded):
    for parts in (0, 21):
        with pytest.raises(gr.Error, match=r"(?i)parts is out of range"):
            discover(encoded, parts)
    with pytest.raises(gr.Error, match=r"(?i)too many names"):
        discover(encoded, 8, ", ".join(f"w{i}" for i in range(1100)))


def test_search_by_words_by_photo_and_by_both(search, encoded):
    for given in (("cat", None, 3), ("", encoded, 3), ("cat", encoded, 3)):
        photos = search(*given)["photos"]
        assert len(photos) == 3
        assert {*CREDITS, "similarity", "why"} == photos[0].keys()
        assert all(-1 <= photo["similarity"] <= 1 for photo in photos)
    assert len(search("cat")["photos"]) == 20
    for given, why in ((("",), "nothing to search for"), (("cat", None, 61), "k is out of range")):
        with pytest.raises(gr.Error, match=f"(?i){why}"):
            search(*given)


def test_what_is_taught_is_found_and_leaves_nothing(teach, search, context, cups, table, tmp_path, monkeypatch):
    """Photos of a cup teach a name that no model has; the zip is all there is of them."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    first = teach("Zorbl", cups[:3])
    assert first["taught"].startswith(ZIP)
    assert (first["names"], first["left_out"]) == ({"Zorbl": 3}, [])
    both = teach("Zorbl", [*cups[3:], "bm90aGluZw=="], first["taught"])
    assert both["names"] == {"Zorbl": 5}
    assert both["left_out"] == [{"photo": "photo 3", "why": both["left_out"][0]["why"]}]
    found = search("zorbl", None, 10, None, both["taught"])["photos"]
    assert sum(photo["author"] == "you" for photo in found) >= 4
    assert not any(photo["author"] == "you" for photo in search("zorbl")["photos"])
    segmenting = SegmentEndpoint(context, Answering(context))
    photo = base64.b64encode(table.read_bytes()).decode()
    asked = [photo, "Zorbl", *[None] * 7, both["taught"], None, True]
    (zorbl,) = endpoint(segmenting.segment, segmenting.defaults)(*asked)["concepts"]
    assert {exemplar["why"] for exemplar in zorbl["exemplars"]} == {"given"}
    assert zorbl["answer"] == "found"
    assert list(tmp_path.rglob("reco-*")) == []


def test_what_is_taught_may_be_an_upload(teach, search, cups, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    taught = base64.b64decode(teach("Zorbl", cups[:3])["taught"].removeprefix(ZIP))
    (tmp_path / "taught.zip").write_bytes(taught)
    upload = {"path": str(tmp_path / "taught.zip"), "meta": {"_type": "gradio.FileData"}}
    found = search("zorbl", None, 10, None, upload)["photos"]
    assert sum(photo["author"] == "you" for photo in found) >= 2


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (("", ["eA=="]), "No names were given"),
        (("cat, dog", ["eA=="]), "These are several names"),
        (("x" * 100, ["eA=="]), "A name is too long"),
        (("cat", []), "There are no photos"),
        (("cat", ["eA=="]), "None of these photos could be used"),
        (("cat", ["/etc/passwd"]), "Photo 1 is no base64"),
        (("cat", [["eA=="]]), "Photo 1 is no text"),
        (("cat", "eA=="), "Photos is not a list"),
        (("cat", [base64.b64encode(pattern(1).data).decode()], "eA=="), "is no zip"),
    ],
)
def test_what_cannot_be_taught(teach, given, why):
    with pytest.raises(gr.Error, match=why) as caught:
        teach(*given)
    assert caught.value.title == "Bad Request"


def test_a_zip_that_was_changed(teach, cups):
    taught = base64.b64decode(teach("Zorbl", cups[:1])["taught"].removeprefix(ZIP))
    with pytest.raises(gr.Error, match="not what was saved here"):
        teach("Zorbl", cups[1:2], base64.b64encode(taught.replace(b"\xff\xd8\xff", b"\xff\xd8\xfe")).decode())
