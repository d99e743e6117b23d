"""What segment answers, called as Gradio calls it."""

import base64
import io
from collections.abc import Callable

import gradio as gr
import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from reco_app.api.endpoint import endpoint
from reco_app.api.inline import PNG, soft
from reco_app.api.segment import SegmentEndpoint
from reco_app.segment.answering import Answering
from reco_core.export import answer

SURE, REMARK = 0.95, '"red cat": "cat" is looked for; colours are not understood'


def opened(url: str) -> np.ndarray:
    assert url.startswith(PNG)
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.removeprefix(PNG)))))


@pytest.fixture
def segment(context) -> Callable[..., dict]:
    made = SegmentEndpoint(context, Answering(context))
    return endpoint(made.segment, made.defaults)


def given(photo: str, names: str, **others: object) -> list:
    """Arguments in their order."""
    order = ("method", "k", "background", "context", "preset", "titles", "found_from", "taught", "scores", "exemplars")
    return [photo, names, *(others.get(name) for name in order)]


def test_every_name_has_its_mask(segment, encoded):
    told = segment(*given(encoded, "cat, wall, giraffe"))
    labels = opened(told["labels"])
    assert (told["size"], labels.shape, opened(told["overlay"]).shape) == ([451, 300], (300, 451), (300, 451, 3))
    assert [concept["name"] for concept in told["concepts"]] == ["cat", "wall", "giraffe"]
    for label, concept in enumerate(told["concepts"], 1):
        mask = labels == label
        assert (concept["label"], concept["area"]) == (label, mask.sum())
        assert concept["share"] == pytest.approx(mask.mean(), abs=1e-5)
        assert concept["answer"] == answer(concept["presence"], concept["share"])
        assert concept["found"] == (concept["answer"] == "found")
        assert not concept.keys() & {"scores", "exemplars"}
        if not mask.any():
            assert (concept["box"], concept["mask"]) == (None, None)
            continue
        assert (coco_mask.decode(concept["mask"]) == mask).all()
        assert concept["box"] == coco_mask.toBbox(concept["mask"]).tolist()
    assert told["concepts"][0]["answer"] == "found"
    assert told["concepts"][2]["answer"] != "found"


def test_defaults_are_what_happens(segment, encoded):
    """Those of the page, and a call that says them changes nothing."""
    from reco_app.segment.request import usual
    from reco_core.presets import PRESETS

    normal, said = usual(PRESETS["mini"]), segment.__signature__.parameters
    for name in ("method", "k", "background", "context", "preset", "titles", "found_from"):
        assert said[name].default == getattr(normal, name), name
    defaults = [parameter.default for name, parameter in said.items() if name not in ("photo", "names")]
    short, long = segment(*given(encoded, "cat")), segment(encoded, "cat", *defaults)
    assert {**short, "seconds": 0} == {**long, "seconds": 0}


def test_on_request(segment, encoded):
    told = segment(*given(encoded, "red cat", scores=True, exemplars=True, k=2, found_from=SURE, method="reco"))
    (cat,) = told["concepts"]
    assert opened(cat["scores"]).shape == (300, 451)
    assert cat["answer"] == answer(cat["presence"], cat["share"], SURE)
    assert len(cat["exemplars"]) == 2
    assert {"author", "licence", "landing_url"} <= cat["exemplars"][0].keys()
    assert (told["method"], told["remarks"]) == ("reco", [REMARK])


def test_words_reach_the_model_each_in_its_place(segment, encoded, reco, monkeypatch):
    asked, prepare = [], reco.prepare
    monkeypatch.setattr(reco, "prepare", lambda names, **how: asked.append((names, how)) or prepare(names, **how))
    segment(*given(encoded, "cat", method="reco", k=7, background="floor", context="sky, tree"))
    ((names, how),) = asked
    values = [how[key] for key in ("method", "k", "background", "context")]
    assert (names, values) == (("cat",), ["reco", 7, ("floor",), ("sky", "tree")])


def test_titles_are_an_option_that_is_on(segment, encoded):
    """Of reco2; the paper's methods stay as they are."""

    def reasons(**changed: object) -> tuple[bool, set[str]]:
        (okapi,) = segment(*given(encoded, "okapi", exemplars=True, k=5, **changed))["concepts"]
        return okapi["in_archive"], {exemplar["why"] for exemplar in okapi["exemplars"]}

    assert reasons() == reasons(method="reco2") == (True, {"title"})
    assert reasons(titles=False) == reasons(method="reco") == (False, {"looks"})


@pytest.mark.parametrize(
    ("names", "others", "why"),
    [
        ("", {}, "No names were given"),
        (None, {}, "Names is missing"),
        (", ".join(f"cat{i}" for i in range(500)), {}, "Too many names"),
        ("x" * 10_000, {}, "The text is too long"),
        ("x" * 100, {}, "A name is too long"),
        ("!?", {}, "A name has no letters"),
        ("motorcylce", {}, 'Did you mean "motorcycle"'),
        ("cat", {"k": 0}, "K is out of range"),
        ("cat", {"k": 51}, "K is out of range"),
        ("cat", {"k": "5"}, "K is not a whole number"),
        ("cat", {"method": "rec"}, "Unknown method"),
        ("cat", {"preset": "big"}, "Unknown preset"),
        ("cat", {"preset": "../../etc"}, "Unknown preset"),
        ("cat", {"found_from": 1.5}, "Found_from is out of range"),
        ("cat", {"background": "x" * 100}, "A name is too long"),
        ("cat", {"taught": "eA=="}, "is no zip, or damaged"),
        ("cat", {"taught": "/etc/passwd"}, "zip is no base64"),
    ],
)
def test_refusals_are_sentences(segment, encoded, names, others, why):
    with pytest.raises(gr.Error) as caught:
        segment(*given(encoded, names, **others))
    assert caught.value.title == "Bad Request"
    assert why in caught.value.message
    assert "/" not in caught.value.message.replace("/etc/passwd", "").replace("../../etc", "")


@pytest.mark.parametrize("photo", ["bm90aGluZw==", "iVBORw0KGgo=", None, "/etc/passwd"])
def test_what_is_no_photo(segment, photo):
    with pytest.raises(gr.Error, match=r"(?i)photo") as caught:
        segment(*given(photo, "cat"))
    assert caught.value.title == "Bad Request"


def test_a_huge_photo(segment, tmp_path):
    from support.photos import huge_png

    packed = base64.b64encode(huge_png(tmp_path / "huge.png").read_bytes()).decode()
    with pytest.raises(gr.Error, match="too large"):
        segment(*given(packed, "cat"))


def test_soft_scores_add_up():
    scores = np.random.default_rng(0).random((3, 4, 5)).astype(np.float32)
    for values in (scores, np.log(scores)):
        assert np.abs(soft(values).astype(int).sum(0) - 255).max() <= 2
        assert (soft(values).argmax(0) == scores.argmax(0)).mean() > 0.9
    assert np.abs(soft(scores).astype(int) - soft(np.log(scores))).max() <= 1


def test_no_file_is_left(segment, encoded, context):
    before = sorted(context.cache.rglob("*"))
    segment(*given(encoded, "cat"))
    assert sorted(context.cache.rglob("*")) == before
