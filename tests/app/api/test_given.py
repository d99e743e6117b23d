"""Photos as programs give them: base64, data URLs, uploads; and nothing else, wherever it may point."""

import base64
from dataclasses import replace
from pathlib import Path

import pytest

from reco_app.api.given import data_of, small_photos
from reco_app.clients import TooLarge
from reco_app.limits import Limits
from reco_core.errors import PhotoError
from reco_core.types import LeftOut

BYTES = bytes(range(256))
TEXT = base64.b64encode(BYTES).decode()


@pytest.fixture
def uploads(monkeypatch, tmp_path) -> Path:
    """Gradio's folder of uploads, and one in it."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    (tmp_path / "gradio" / "0a1b").mkdir(parents=True)
    (tmp_path / "gradio" / "0a1b" / "my cat.png").write_bytes(BYTES)
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "gradio" / "link").symlink_to(tmp_path / "secret")
    return tmp_path / "gradio"


@pytest.mark.parametrize(
    "given",
    [
        TEXT,
        TEXT.replace("+", "-").replace("/", "_"),
        "\n".join(TEXT[i : i + 76] for i in range(0, len(TEXT), 76)),
        f"data:image/png;base64,{TEXT}",
        f"DATA:image/svg+xml;charset=utf-8;BASE64,{TEXT}",
    ],
)
def test_bytes_inside_a_text(given):
    assert data_of(given, Limits()) == BYTES


def test_an_upload(uploads):
    file = uploads / "0a1b" / "my cat.png"
    for given in (
        {"path": str(file), "meta": {"_type": "gradio.FileData"}},
        {"path": str(file)},
        f"/gradio_api/file={file}",
        f"http://127.0.0.1:7860/gradio_api/file={file}".replace(" ", "%20") + "?x=1",
    ):
        assert data_of(given, Limits()) == BYTES


@pytest.mark.parametrize(
    "given",
    [
        "/etc/passwd",
        "../../../../etc/passwd",
        "file:///etc/passwd",
        "http://127.0.0.1:1/x.png",
        "https://example.org/x.png",
        "  HTTP://[::1]/",
        "ftp://example.org/x.png",
        "gopher://127.0.0.1/",
        "data:text/plain,hello",
        "/gradio_api/file=/etc/passwd",
        "http://127.0.0.1:7860/gradio_api/file=%2Fetc%2Fpasswd",
        {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}},
        {"path": "http://127.0.0.1:1/x.png", "meta": {"_type": "gradio.FileData"}},
        {"path": None},
        {"path": ["/etc/passwd"]},
        {"path": "x\0y"},
        {"path": "a" * 5000},
        {"url": "http://127.0.0.1:1/x.png"},
        {},
        "",
        None,
        5,
        "no base64!",
        "\ud800",
    ],
)
def test_nothing_else_is_read(given, uploads, monkeypatch):
    """Neither is anything opened."""
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail(f"{path} was read"))
    with pytest.raises(PhotoError, match=r"(?i)photo"):
        data_of(given, Limits())


def test_no_way_out_of_the_folder(uploads):
    for path in (
        f"{uploads}/../secret",
        f"{uploads}/0a1b/../../secret",
        f"{uploads}/link",
        str(uploads),
        f"{uploads}x",
    ):
        with pytest.raises(PhotoError, match="no upload"):
            data_of({"path": path}, Limits())


def test_sizes(uploads):
    limits = replace(Limits(), upload_bytes=200, user_bytes=300)
    for given in (TEXT, f"/gradio_api/file={uploads}/0a1b/my cat.png"):
        with pytest.raises(TooLarge, match="too large"):
            data_of(given, limits)
    with pytest.raises(TooLarge, match="photos are too large"):
        small_photos([TEXT, TEXT], replace(limits, upload_bytes=300))
    with pytest.raises(TooLarge, match="too many photos"):
        small_photos([TEXT] * 3, replace(Limits(), user_photos=2))


def test_photos_are_called_by_their_number(encoded):
    small, left_out = small_photos([encoded, TEXT], Limits())
    assert (small.label, small.title, small.data[:2]) == ("photo 1", "", b"\xff\xd8")
    assert isinstance(left_out, LeftOut)
    assert left_out.file == "photo 2"
