"""What the Segment tab's controls call, without a browser."""

import json
from dataclasses import replace

import gradio as gr
import pytest
import skimage.data
from PIL import Image

from reco_app.segment.handlers import SegmentHandlers
from reco_app.segment.session import SegmentResult

ASKED = {"names": "cat", "method": "reco2", "k": 5, "background": "", "context": "", "preset": ""}


@pytest.fixture
def handlers(context) -> SegmentHandlers:
    return SegmentHandlers(context)


def test_large_photo_is_shown_small_and_its_labels_stay_large(handlers, tmp_path):
    file = tmp_path / "large.jpg"
    Image.fromarray(skimage.data.chelsea()).resize((2000, 1330)).save(file)
    result, _, picture_file, _, _, _, labels, _ = handlers.run(0.5, None, photo=str(file), **ASKED)
    assert Image.open(picture_file).size == (1600, 1064)
    assert Image.open(labels).size == (2000, 1330)
    assert result.photo.shape == (1064, 1600, 3)
    assert result.labels.shape == (1064, 1600)
    result.close()
    assert not result.folder.exists()
    with pytest.raises(gr.Error, match="no longer kept"):
        handlers.redraw(result, [0], 0.5)


def test_error_text_is_escaped(handlers, chelsea):
    with pytest.raises(gr.Error) as shown:
        handlers.run(0.5, None, photo=str(chelsea), **{**ASKED, "names": "<img src=x>" * 20})
    assert "<img" not in str(shown.value)


@pytest.mark.parametrize("k", [0, 51])
def test_k_has_bounds(handlers, chelsea, k):
    with pytest.raises(gr.Error, match=r"K is out of range.*1 to 50"):
        handlers.segment(str(chelsea), "cat", k=k)


def test_words_reach_the_model_each_in_its_place(handlers, chelsea, reco, monkeypatch):
    asked, prepare = [], reco.prepare

    def noted(names, **options):
        asked.append((names, options))
        return prepare(names, **options)

    monkeypatch.setattr(reco, "prepare", noted)
    words = {"background": "sofa, carpet", "context": "wall"}
    result, *_ = handlers.run(0.5, None, 0.3, photo=str(chelsea), **{**ASKED, "names": "cat, dog", **words})
    handlers.segment(str(chelsea), "cat", "reco", 7, "floor", "sky, tree")
    seen = [(names, *(options[key] for key in ("method", "k", "background", "context"))) for names, options in asked]
    assert seen == [
        (("cat", "dog"), "reco2+titles", 5, ("sofa", "carpet"), ("wall",)),
        (("cat",), "reco", 7, ("floor",), ("sky", "tree")),
    ]
    assert result.found_from == 0.3
    written = json.loads((result.folder / "result.json").read_text())
    expected = {"preset": "mini", "method": "reco2+titles", "k": 5, "context_words": ["wall"]}
    assert {key: written[key] for key in expected} == expected


def test_what_is_not_understood_is_said_beside_the_result(handlers, chelsea):
    with pytest.raises(gr.Error, match=r'Did you mean "motorcycle"\?'):
        handlers.segment(str(chelsea), "motorcylce")
    remark = '"red cat": "cat" is looked for; colours are not understood'
    assert list(handlers.segment(str(chelsea), "red cat", k=2)[2]["remarks"]) == [remark]
    legend = handlers.run(0.5, None, photo=str(chelsea), **{**ASKED, "names": "red cat"})[5]
    assert "colours are not understood" in legend


def test_titles_are_an_option_that_is_on(handlers, chelsea):
    """Of reco2; the paper's methods stay as they are."""

    def reasons(**changed) -> tuple[bool, set[str]]:
        *_, (_, _, description) = [handlers.segment(str(chelsea), "okapi", **{"k": 5, **changed})]
        return description["concepts"][0]["in_archive"], {e["why"] for e in description["concepts"][0]["exemplars"]}

    assert reasons() == reasons(method="reco2_crf") == (True, {"title"})
    assert reasons(titles=False) == reasons(method="reco") == (False, {"looks"})
    result, *_ = handlers.run(0.5, None, photo=str(chelsea), **{**ASKED, "names": "okapi"})
    assert handlers.exemplars(result, None)[1].count(">called so<") == 5
    result, *_ = handlers.run(0.5, None, photo=str(chelsea), **{**ASKED, "names": "okapi"}, titles=False)
    assert handlers.exemplars(result, None)[1].count(">looks like it<") == 5


def test_how_far_it_is_reaches_the_page(handlers, chelsea):
    said = []

    class Noted(gr.Progress):  # false, as Gradio's own
        def __call__(self, progress, desc=None, **_) -> None:
            said.append((progress, desc))

    handlers.run(0.5, None, 0.5, Noted(), photo=str(chelsea), **ASKED)
    assert said[0] == (None, "Loading the model")
    assert any(desc and "cat" in desc for _, desc in said[1:])


def test_found_from_another_presence_on_without_the_model(handlers, chelsea, monkeypatch):
    result, _, _, before, ticked, *_ = handlers.run(
        0.6, None, photo=str(chelsea), **{**ASKED, "names": "cat, wall", "method": "reco"}
    )
    result = replace(result, shares=(0.5, 0.1), presence=(0.9, 0.6))
    monkeypatch.setattr(handlers, "_segment", None)
    assert ticked.value == [0]
    assert handlers.judge(result, [0], 0.6, 0.5) == (gr.skip(),) * 5
    lenient, *_ = handlers.judge(replace(result, found_from=0.9), [], 0.6, 0.5)  # cat stays unticked
    assert lenient.found == (True, True)
    strict, _, after, ticked, legend = handlers.judge(result, [1], 0.6, 0.8)
    assert ticked.value == []
    assert ticked.choices == [("cat", 0), ("wall (not found)", 1)]
    assert 'data-show="1">show anyway' in legend
    assert "Dashed outlines: not found." in legend
    assert strict.outlined([]) == [1]
    *_, legend = handlers.redraw(strict, [1], 0.6)
    assert 'data-show="1">only outline' in legend
    assert "Dashed outlines" not in legend
    assert Image.open(before).size == Image.open(after).size == (451, 300)


def test_a_result_outlives_the_photos_it_came_from(user_photos, handlers, table):
    asked = {**ASKED, "names": "zorbl", "photo": str(table)}
    result: SegmentResult = handlers.run(0.5, user_photos, **asked)[0]
    shown = handlers.exemplars(result, user_photos)[1]
    assert shown.count("<img") == shown.count(">given by you<") == 5
    user_photos.remove(lambda photo: True)
    _, html, kept, line = handlers.exemplars(result, user_photos)
    assert (html.count("<img"), html.count("background-image"), html.count(">yours<")) == (0, 5, 5)
    assert (kept, line) == (user_photos, "")
    assert handlers.redraw(result, [0], 0.3)
