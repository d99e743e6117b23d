"""What the Find tab's controls call, without a browser."""

import json
import zipfile
from dataclasses import replace
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
import skimage.data
from PIL import Image

from reco_app.segment.again import AgainHandlers
from reco_app.segment.changes import SETTINGS, SHOWN
from reco_app.segment.handlers import SegmentHandlers
from reco_app.segment.session import MOST_RESULTS
from reco_app.segment.several import SeveralHandlers
from reco_app.segment.welcome import Welcome
from reco_core.utils.run_control import RunControl

ASKED = {"names": "cat", "method": "reco2", "k": 5, "background": "", "context": "", "preset": ""}


@pytest.fixture
def handlers(context) -> SegmentHandlers:
    return SegmentHandlers(context)


def run(handlers: SegmentHandlers, session=None, own=None, **asked) -> dict:
    """What of the page changes, by name."""
    shown = handlers.run(session, own, **{**ASKED, **asked})
    return {name: value for name, value in zip(SHOWN, shown, strict=True) if value != gr.skip()}


def event(**data) -> gr.EventData:
    return gr.EventData(None, data)


def test_a_large_photo_is_shown_small_and_its_labels_stay_large(handlers, tmp_path):
    file = tmp_path / "large.jpg"
    Image.fromarray(skimage.data.chelsea()).resize((2000, 1330)).save(file)
    shown = run(handlers, photo=str(file))
    assert (shown["viewer"]["width"], shown["viewer"]["height"]) == (1600, 1064)
    session = shown["session"]
    assert session.shown.stored.labels().shape == (1330, 2000)
    session.close()
    assert not session.folder.exists()


def test_errors_stand_at_their_field_and_a_slip_takes_nothing_away(handlers, chelsea, tmp_path):
    shown = run(handlers, photo=str(chelsea))
    session = shown["session"]
    evil = "<img src=x>" * 20
    wrong = run(handlers, session, photo=str(chelsea), names=evil)
    assert wrong["viewer"] == {**shown["viewer"], "state": "error", "message": "Please look at the names."}
    assert "too long" in wrong["names"]["problem"][0]
    assert not {"downloads", "evidence"} & set(wrong), "those of the result stay"
    gone = run(handlers, session, photo=str(tmp_path / "gone.jpg"))
    assert gone["photo"] is None
    assert gone["viewer"]["message"].startswith("There is no photo")
    odd = run(handlers, session, photo=str(chelsea), k=51)
    assert "K is out of range" in odd["viewer"]["message"]
    other = tmp_path / "mine.jpg"  # not the one that the last result is of
    Image.fromarray(skimage.data.coffee()).save(other)
    mine = run(handlers, session, photo=str(other), names=evil)["viewer"]
    assert (mine["file"], mine["width"], mine["state"]) == ("mine.jpg", 600, "error")
    assert run(handlers, session, photo=str(chelsea))["viewer"]["state"] == "done"


def test_photos_are_checked_when_they_are_given(handlers, chelsea, tmp_path):
    session, _, view, _ = handlers.given(None, None)
    assert view["photo"] == ""
    damaged = tmp_path / "notes.jpg"
    damaged.write_text("no pixels")
    _, photo, view, _ = handlers.given(session, str(damaged))
    assert photo is None
    assert (view["state"], view["photo"]) == ("error", "")
    assert handlers.given(session, str(chelsea))[2]["file"] == "chelsea.png"
    large = tmp_path / "large.jpg"
    Image.fromarray(np.zeros((7200, 7200), np.uint8)).save(large)
    assert "52 megapixels; it was scaled down" in handlers.given(session, str(large))[2]["message"]


def test_an_examples_names_go_with_its_photo(handlers, chelsea):
    _, _, view, names = handlers.given(None, str(chelsea), "motorcycle, floor, dog")
    assert names == "" and view["message"] == "Now type what to look for, and press Find."
    assert handlers.given(None, str(chelsea), "motorcycle, floor")[3] == gr.skip(), "somebody typed it"


def test_a_damaged_photo_takes_nothing_away(handlers, chelsea, tmp_path):
    session = handlers.begin()
    shown = run(handlers, session, photo=str(chelsea))["viewer"]
    damaged = tmp_path / "notes.jpg"
    damaged.write_text("no pixels")
    _, photo, view, _ = handlers.given(session, str(damaged))
    assert photo == str(chelsea)
    assert view == shown | {"state": "error", "message": view["message"]}
    assert "notes.jpg" in view["message"]
    other = tmp_path / "mine.jpg"  # of which nothing has been asked yet
    Image.fromarray(skimage.data.coffee()).save(other)
    handlers.given(session, str(other))
    _, photo, view, _ = handlers.given(session, str(damaged))
    assert (photo, view["file"], view["layers"]) == (str(other), "mine.jpg", [])
    handlers.given(session, None)
    assert handlers.given(session, str(damaged))[1] is None


def test_words_reach_the_model_each_in_its_place(handlers, chelsea, reco, monkeypatch):
    asked, prepare = [], reco.prepare

    def noted(names, **options):
        asked.append((names, options))
        return prepare(names, **options)

    monkeypatch.setattr(reco, "prepare", noted)
    words = {"background": "sofa, carpet", "context": "wall"}
    run(handlers, photo=str(chelsea), names="cat, dog", found_from=0.3, **words)
    seen = [(names, *(options[key] for key in ("method", "k", "background", "context"))) for names, options in asked]
    assert seen == [(("cat", "dog"), "reco2+titles", 5, ("sofa", "carpet"), ("wall",))]


def test_what_is_not_understood_is_said_beside_the_result(handlers, chelsea):
    remark = '"red cat": "cat" is looked for; colours are not understood'
    assert remark in run(handlers, photo=str(chelsea), names="red cat")["viewer"]["message"]


def test_found_from_another_presence_on_without_the_model(handlers, chelsea, monkeypatch):
    session = run(handlers, photo=str(chelsea), names="cat, wall", method="reco")["session"]
    session.change(replace(session.shown, shares=(0.5, 0.1), presence=(0.9, 0.6)))
    monkeypatch.setattr(handlers, "answering", None)

    def judged(found_from: float) -> list[str]:
        view = handlers.judge(session, found_from)[SHOWN.index("viewer")]
        return [] if view == gr.skip() else [named["answer"] for named in view["names"]]

    assert judged(0.5) == []  # as it is
    assert [judged(odd) for odd in (float("nan"), float("inf"), -1, 0.96)] == [[]] * 4
    assert judged(0.8) == ["found", "maybe"]
    assert "found_from=0.8" in session.shown.view["link"]
    assert judged(0.95) == ["maybe", "maybe"]
    assert session.results[-1] is session.shown


def test_a_result_outlives_the_photos_it_came_from(user_photos, handlers, table):
    shown = run(handlers, None, user_photos, names="zorbl", photo=str(table))
    assert shown["evidence"].count("<img") == shown["evidence"].count("given by you") == 5
    assert "zorbl" in shown["taught_names"].lower()
    user_photos.remove(lambda photo: True)
    result = shown["session"].shown
    assert result.view["state"] == "done"
    assert handlers.evidence(result).count("<img") == 0


def test_teaching_dropping_and_undoing_look_again(handlers, table, cup_photos, monkeypatch):
    monkeypatch.setattr("reco_app.segment.again.taught", lambda data: (data.name, data.files))
    session = run(handlers, names='"zorbl"', photo=str(table))["session"]
    own_place, answer = SHOWN.index("user_photos"), lambda: session.shown.answers
    assert answer() != ("found",)
    again = AgainHandlers(handlers)
    shown = again.teach(session, None, event(name="zorbl", files=[*map(str, cup_photos[:3])]), **ASKED)
    own = shown[own_place]
    assert own.names == {"zorbl": 3}
    assert answer() == ("found",)
    rows = [exemplar.row for exemplar in session.shown.concepts[0].exemplars]
    again.drop(session, own, event(row=rows[0], name="zorbl"))
    assert [exemplar.row for exemplar in session.shown.concepts[0].exemplars] == rows[1:]
    again.undo(session, own)
    assert [exemplar.row for exemplar in session.shown.concepts[0].exemplars] == rows
    twice = again.teach(session, own, event(name="zorbl", files=[str(cup_photos[0])]), **ASKED)
    view = twice[SHOWN.index("viewer")]
    assert "looks the same" in view["message"]


def test_photos_that_teach_are_kept_whatever_comes_of_the_run(handlers, user_photos, table, monkeypatch):
    for wrong in ({"names": "motorcylce"}, {"k": 51}, {"photo": None}):
        shown = run(handlers, None, user_photos, **{"photo": str(table), **wrong})
        assert shown["user_photos"] is user_photos
        assert "zorbl" in shown["taught_names"].lower()
        assert shown["names"]["taught"] == ["Zorbl"]
        assert shown["viewer"]["state"] == "error"
    monkeypatch.setattr(handlers.answering, "answer", lambda *given: given[3].raise_if_cancelled("no"))
    monkeypatch.setattr("reco_app.segment.session.RunControl", cancelled)
    assert run(handlers, None, user_photos, photo=str(table))["user_photos"] is user_photos


def cancelled() -> RunControl:
    control = RunControl()
    control.cancel()
    return control


def test_files_that_nobody_uploaded_teach_nothing(handlers, table):
    session = run(handlers, photo=str(table))["session"]
    shown = AgainHandlers(handlers).teach(session, None, event(name="cup", files=["/etc/passwd"]), **ASKED)
    view = shown[SHOWN.index("viewer")]
    assert "did not arrive" in view["message"]


def test_the_same_asked_twice_is_one_result_of_the_visit(handlers, chelsea):
    session = run(handlers, photo=str(chelsea))["session"]
    first = session.shown
    run(handlers, session, photo=str(chelsea))
    assert session.results == (session.shown,) and session.shown.number == 2
    assert not first.kept and session.shown.kept
    run(handlers, session, photo=str(chelsea), names="dog")
    run(handlers, session, photo=str(chelsea))
    assert [result.names for result in session.results] == [("dog",), ("cat",)]


def test_why_a_photo_was_refused_is_said_again(handlers, tmp_path):
    damaged = tmp_path / "notes.jpg"
    damaged.write_text("no pixels")
    session, _, view, _ = handlers.given(None, str(damaged))
    assert "notes.jpg" in view["message"]
    handlers.given(session, None)  # the page takes it away
    assert run(handlers, session, photo=None)["viewer"]["message"] == view["message"]


def test_the_visit_keeps_a_dozen_results(handlers, chelsea):
    session = None
    for k in range(1, MOST_RESULTS + 3):
        session = run(handlers, session, photo=str(chelsea), k=k)["session"]
    assert len(session.results) == MOST_RESULTS == len([*session.folder.iterdir()])
    oldest = session.results[0]
    shown = handlers.pick(session, None, event(what=oldest.number))
    assert shown[SHOWN.index("viewer")]["state"] == "done"
    assert shown[len(SHOWN) + SETTINGS.index("k")] == oldest.asked.k == 3
    assert handlers.pick(session, None, event(what=1))[SHOWN.index("viewer")]["state"] == "error"
    history = str(handlers.shown(session, session.shown, None)[SHOWN.index("history")])
    assert history.count("data-pick") == MOST_RESULTS
    assert history.count("aria-current") == 1


def test_a_cancelled_run_shows_what_was_there(handlers, chelsea):
    session = run(handlers, photo=str(chelsea))["session"]
    before = session.shown
    control = session.control
    assert handlers.cancel(session, str(chelsea)) == (session, gr.skip())
    assert control.cancelled
    assert session.shown is before


def test_the_first_visit_shows_what_the_program_gives(handlers, context):
    welcome = Welcome(handlers)
    request = SimpleNamespace(query_params={})
    early = welcome.arrive(request)  # it is not there yet: the page comes all the same
    assert early[SHOWN.index("viewer")] == gr.skip()
    assert welcome.look(early[-1], None, None)[SHOWN.index("viewer")]["state"] == "done"
    shown = welcome.arrive(request)
    assert shown[-1] == gr.skip()  # nothing has to be looked for
    view, session = shown[SHOWN.index("viewer")], shown[SHOWN.index("session")]
    assert shown[SHOWN.index("user_photos")] == gr.skip()  # whoever has added some meanwhile keeps them
    fresh = run(handlers, **vars(welcome.request))["viewer"]
    assert view == fresh
    assert len(view["names"]) >= 3
    assert welcome.before()["photo"] == view["photo"]
    handlers.judge(session, 0.9)  # of what is everyone's, each has a copy
    session.shown.keep(session.shown.view | {"layers": []})
    second = welcome.arrive(request)
    assert second[SHOWN.index("viewer")] == fresh
    session.close()
    assert second[SHOWN.index("session")].shown.kept


def test_links_fill_the_page(handlers, context):
    welcome = Welcome(handlers)

    def arrive(**query) -> dict:
        shown = welcome.arrive(SimpleNamespace(query_params=query))
        return dict(zip((*SHOWN, *SETTINGS, "opened"), shown, strict=True))

    def look(arrived: dict) -> dict:
        return dict(zip(SHOWN, welcome.look(arrived["opened"], arrived["session"], None), strict=True))

    answering, handlers.answering = handlers.answering, None  # the page comes without the model
    coffee = arrive(names="cup", example="coffee", method="reco", k="3")
    assert (coffee["viewer"]["state"], coffee["viewer"]["file"]) == ("running", "coffee.jpg")
    assert (coffee["names"], coffee["method"], coffee["k"]) == ("cup", "reco", 3)
    _, stopped = handlers.cancel(coffee["session"], coffee["photo"])
    assert (stopped["state"], stopped["photo"]) == ("empty", coffee["viewer"]["photo"])
    handlers.answering = answering
    assert look(coffee)["viewer"]["link"] == "?names=cup&example=coffee&method=reco&k=3"
    own = arrive(names="cup, <b>")
    assert (own["photo"], own["names"]) == (None, "cup, <b>")
    assert "Add your photo" in own["viewer"]["message"]
    wrong = arrive(names="motorcylce", example="motorcycle")
    assert wrong["names"] == "motorcylce"
    assert "Did you mean" in look(wrong)["names"]["problem"][0]
    assert own["opened"] == gr.skip()


def test_several_photos_fill_a_grid_and_one_zip(handlers, chelsea, table, tmp_path):
    (tmp_path / "notes.jpg").write_text("no pixels " * 30)
    files = [str(chelsea), str(tmp_path / "notes.jpg"), str(table)]
    asked = {key: value for key, value in ASKED.items() if key != "photo"}
    steps = [*SeveralHandlers(handlers).run(files, False, None, None, photo=None, **{**asked, "names": "cat, cup"})]
    session, grid = steps[-1]
    assert str(grid).count("<figure") == 3
    assert "notes.jpg" in grid
    assert "results.zip" in grid
    (packed,) = session.folder.rglob("results.zip")
    names = zipfile.ZipFile(packed).namelist()
    assert {"results/table.csv", "results/coco.json", "results/chelsea.overlay.png"} <= set(names)
    told = json.loads(zipfile.ZipFile(packed).read("results/chelsea.result.json"))
    assert told["photo"] == "chelsea.png"
    assert "one_kind" not in told
    *_, (session, _) = SeveralHandlers(handlers).run(files, True, None, None, photo=None, **asked)
    (packed,) = session.folder.rglob("results.zip")
    assert json.loads(zipfile.ZipFile(packed).read("results/chelsea.result.json"))["one_kind"] is True
    assert "1 of 3 could not be read." in grid
    assert "2 photos done." in grid
    ((_, refused),) = SeveralHandlers(handlers).run([], False, None, None, photo=None, **asked)
    assert "There are no photos" in refused
    *_, (_, refused) = SeveralHandlers(handlers).run(files[1:2], False, None, None, photo=None, **asked)
    assert "No photo could be read" in refused and "notes.jpg" in refused


def test_several_photos_keep_what_is_done(handlers, chelsea, table, monkeypatch):
    several, mark = SeveralHandlers(handlers), handlers.answering.mark
    files, session, count = [str(table), str(chelsea), str(table)], handlers.begin(), 0

    def odd(photo, *given):
        nonlocal count
        count += 1
        if count == 1:
            raise RuntimeError("out of memory")
        return mark(photo, *given)

    monkeypatch.setattr(handlers.answering, "mark", odd)
    asked = {**ASKED, "photo": None}
    *_, (_, grid) = several.run(files, False, session, None, **asked)
    assert "1 of 3 could not be read." in grid
    assert "2 photos done." in grid
    assert "Something went wrong here" in grid
    first = session.several
    grids = []
    for _, grid in several.run(files, False, session, None, **asked):
        grids.append(grid)
        several.stop(session)  # after the first photo
    grid = grids[-1]
    assert "It was stopped before the last 2." in grid
    assert "results.zip" in grid
    assert not first.exists()
    assert [file.name for file in session.several.iterdir()] == ["results.zip"]
