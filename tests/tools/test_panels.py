"""Pictures for docs/, by the program itself."""

import pytest
from PIL import Image

from reco_core import ReCo, RecoError


def test_panels_in_rows(tool):
    panels = tool("panels")
    tall, wide = Image.new("RGB", (10, 40), "red"), Image.new("L", (300, 30))
    one = panels.panel(tall, "tall")
    assert one.size == (panels.SIDE, panels.SIDE + panels.STRIP)
    assert one.getpixel((panels.SIDE // 2, 5)) == (255, 0, 0) and one.getpixel((5, 5)) == (255, 255, 255)
    sheet = panels.grid([[one, panels.panel(wide, "wide")], [one]])
    assert sheet.size == (2 * one.width + panels.GAP, 2 * one.height + panels.GAP)


def test_only_what_is_openly_licensed_has_a_picture(tool):
    panels = tool("panels")
    reco = ReCo.load(device="cpu")
    closed = next(row for row in range(len(reco.archive)) if reco.archive.records[row].open_licence == "no")
    with pytest.raises(RecoError, match="open licence"):
        panels.thumbnail(reco, closed)


@pytest.mark.slow
def test_the_methods_pictures_are_drawn(tool, tmp_path, monkeypatch):
    method_pictures = tool("method_pictures")
    monkeypatch.setattr("sys.argv", ["method_pictures.py", str(tmp_path)])
    method_pictures.main()
    assert {file.name for file in tmp_path.iterdir()} == {"method_learn.webp", "method_decide.webp"}
    for file in tmp_path.iterdir():
        kept = method_pictures.ROOT / "docs" / file.name
        assert Image.open(file).size == Image.open(kept).size
