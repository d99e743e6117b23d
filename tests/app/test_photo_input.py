"""The control that people give a photo to: which files of the server it hands on."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import gradio as gr
import pytest
from gradio.data_classes import ImageData
from gradio.state_holder import SessionState
from PIL import Image

from reco_app.components.controls import photo_input
from reco_app.components.examples import WELCOME, Examples


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where Gradio puts uploads."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    (tmp_path / "gradio" / "abc").mkdir(parents=True)
    return tmp_path / "gradio"


@pytest.fixture
def page():
    """A page that shows which photo it was given."""
    with gr.Blocks() as blocks:
        photo, said = photo_input("Photo", "photo", 100), gr.Textbox()
        photo.change(lambda file: file, photo, said)
    return blocks


def control(page: gr.Blocks) -> gr.Image:
    return next(block for block in page.blocks.values() if isinstance(block, gr.Image))


def asked(page: gr.Blocks, value: dict) -> str:
    """What a handler is given for what a browser sends, with all that Gradio does on the way."""
    with ThreadPoolExecutor() as thread:  # a browser test before this one may have left a loop in this thread
        run = thread.submit(asyncio.run, page.preprocess_data(page.fns[0], [value], SessionState(page)))
        return run.result()[0]


def test_an_upload_is_handed_on(folder, page):
    file = folder / "abc" / "cup.jpg"
    Image.new("RGB", (40, 40)).save(file)
    assert asked(page, {"path": str(file), "meta": {"_type": "gradio.FileData"}}) == str(file.resolve())
    assert asked(page, None) is None
    assert control(page).preprocess(ImageData(url="http://example.org/")) is None


def test_no_other_file_of_the_server_is(folder, page, tmp_path):
    secret = tmp_path / "secret.png"
    Image.new("RGB", (40, 40)).save(secret)
    (folder / "abc" / "link.png").symlink_to(secret)
    for file in (secret, folder / ".." / "secret.png", folder / "abc" / "link.png", "/etc/passwd", "a\0b"):
        with pytest.raises(gr.Error, match="did not arrive") as refused:
            asked(page, {"path": str(file)})  # what has `meta`, Gradio looks after, once it has been launched
        assert str(tmp_path) not in refused.value.message


def test_an_example_comes_back_as_it_was_shown(folder, page):
    examples = Examples(folder)
    shown = control(page).postprocess(str(examples.all[WELCOME].file)).model_dump()
    assert examples.key_of(asked(page, shown)) == WELCOME
