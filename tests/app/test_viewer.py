"""What the viewer is given: the value, its pictures, what its events bring. No browser."""

import base64
import io
import json

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from reco_app.components.viewer import Viewer, done, empty, failed, heat, layer, named, running, taught
from reco_app.templates import stylesheet, text
from reco_core.errors import OptionError
from reco_core.utils.visualize import colour


def opened(address: str) -> Image.Image:
    kind, data = address.split(",")
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    assert kind == f"data:image/{image.format.lower()};base64"
    return image


@pytest.fixture
def photo() -> np.ndarray:
    y, x = np.mgrid[0:60, 0:90]
    return np.stack([2 * y, 2 * x, y + x], -1).astype(np.uint8)


def test_a_result_holds_photo_labels_and_names(photo):
    labels = np.arange(60 * 90).reshape(60, 90).astype(np.uint8)  # every value there is
    names = named(["cup", "dog"], ["found", "absent"], [0.25, 0.0], [0.9, 0.123456], ["", "Did you mean cup?"])
    view = done(photo, [layer("ReCo", labels)], names, file="table.jpg", link="/?names=cup")
    assert json.loads(json.dumps(view)) == view
    assert (view["state"], view["width"], view["height"], view["file"]) == ("done", 90, 60, "table.jpg")
    assert np.abs(np.asarray(opened(view["photo"])).astype(int) - photo).mean() < 6
    picture = opened(view["layers"][0]["labels"])
    assert picture.mode == "L"
    np.testing.assert_array_equal(np.asarray(picture), labels)
    cup, dog = view["names"]
    assert cup["colour"] == "#{:02x}{:02x}{:02x}".format(*colour(0))  # that of the files to download
    assert (dog["answer"], dog["presence"], dog["remark"]) == ("absent", 0.1235, "Did you mean cup?")


def test_large_photos_are_shown_smaller_and_their_labels_with_them():
    labels = np.zeros((1000, 2000), np.uint8)
    labels[:, 1000:] = 7
    view = done(np.zeros((1000, 2000, 3), np.uint8), [layer("ReCo", labels)], [])
    assert (view["width"], view["height"]) == (1600, 800)
    shown = np.asarray(opened(view["layers"][0]["labels"]))
    assert shown.shape == (800, 1600)
    assert set(np.unique(shown)) == {0, 7}  # nothing in between


def test_a_map_is_stretched_to_its_range():
    np.testing.assert_array_equal(
        np.asarray(opened(heat("cup", "Similarity", np.array([[-3.0, 0.0, 3.0]]))["address"])), [[0, 128, 255]]
    )
    assert not np.asarray(opened(heat("cup", "Similarity", np.ones((2, 2)))["address"])).any()


def test_states_keep_what_they_should(photo):
    labels, names = np.ones((60, 90), np.uint8), named(["cup"], ["found"], [1.0], [0.9])
    before = done(photo, [layer("ReCo", labels)], names)
    again = running(before, "Looking …")
    assert again == {**before, "state": "running", "message": "Looking …"}
    wrong = failed("The photo is damaged.", before)
    assert (wrong["state"], wrong["layers"], wrong["names"], wrong["photo"]) == ("error", [], [], before["photo"])
    assert (empty()["state"], empty()["photo"]) == ("empty", "")
    assert failed("No.")["photo"] == ""


def test_wrong_shapes_are_told(photo):
    for wrong in (lambda: empty(photo[..., 0]), lambda: layer("ReCo", photo), lambda: heat("a", "b", photo)):
        with pytest.raises(OptionError, match="wrong shape"):
            wrong()
    with pytest.raises(ValueError):
        named(["cup"], ["found"], [], [1.0])


def test_a_state_is_told_by_a_script_that_no_text_breaks_out_of():
    script = Viewer(elem_id="other").tell("running", 'It\'s "so" </script> `${1}`\n')
    said = script[script.index("{", script.index("CustomEvent")) : script.rindex("))")]
    assert json.loads(said) == {"detail": {"state": "running", "message": 'It\'s "so" </script> `${1}`\n'}}
    assert 'getElementById("other")' in script


def test_events_are_there():
    with gr.Blocks() as blocks:
        viewer = Viewer()
        for event in ("compare", "decided", "teach", "link"):
            getattr(viewer, event)(lambda: None)
    assert [fn.targets[0][1] for fn in blocks.fns.values()] == ["compare", "decided", "teach", "link"]
    with pytest.raises(AttributeError):
        viewer.nothing(lambda: None)


def test_only_uploaded_photos_are_learned_from(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    inside, secret = tmp_path / "gradio" / "abc" / "cup.jpg", tmp_path / "secret.jpg"
    inside.parent.mkdir(parents=True)
    for file in (inside, secret):
        file.write_bytes(b"a photo")
    (inside.parent / "link.jpg").symlink_to(secret)
    assert taught(gr.EventData(None, {"name": "cup", "files": [str(inside)]})) == ("cup", [inside.resolve()])
    outside = [secret, tmp_path / "gradio" / ".." / "secret.jpg", inside.parent / "link.jpg", "/etc/passwd"]
    not_there = [inside.parent, inside.with_name("gone.jpg"), "", "a\0b", inside.with_name("x" * 5000)]
    for data in (
        *({"name": "cup", "files": [str(inside), str(file)]} for file in (*outside, *not_there)),
        {"name": "cup", "files": []},
        {"name": "", "files": [str(inside)]},
        {"name": "cup", "files": str(inside)},
        {},
    ):
        with pytest.raises(OptionError, match="did not arrive") as refused:
            taught(gr.EventData(None, data))
        assert str(tmp_path) not in str(refused.value) and "rrno" not in str(refused.value)


def test_the_viewer_brings_its_own_styles():
    own = text("components/viewer/viewer.css")
    assert own in Viewer().css_template
    assert own not in stylesheet()
