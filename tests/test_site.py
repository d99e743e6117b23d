"""docs/ as a site."""

import logging
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ASKED = re.compile(r"<(?:script|img|iframe|source|link)\b[^>]*?\b(?:src|href)=[\"']?((?:https?:)?//[^\"'\s>]+)")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> tuple[Path, list[str]]:
    """The built site, and what was warned of."""
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    warned: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: warned.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("mkdocs").addHandler(handler)
    folder = tmp_path_factory.mktemp("site")
    build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(folder)))
    return folder, warned


@pytest.mark.slow
def test_nothing_is_warned_of(site):
    folder, warned = site
    assert warned == []
    assert (folder / "index.html").exists() and (folder / "model_card.html").exists()


@pytest.mark.slow
def test_pages_ask_no_other_server(site):
    """Links may lead elsewhere; scripts, styles, fonts and pictures are the site's own."""
    folder, _ = site
    pages = [*folder.rglob("*.html")]
    assert len(pages) > 20
    assert {found for page in pages for found in ASKED.findall(page.read_text(encoding="utf-8"))} == set()
    for style in folder.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*[\"']?(https?:)?//", style.read_text(encoding="utf-8")), style
    assert ASKED.findall('<link rel="stylesheet" href="https://fonts.example/a.css">') == [
        "https://fonts.example/a.css"
    ]


@pytest.mark.slow
def test_every_page_of_docs_is_in_the_menu(site):
    folder, _ = site
    menu = (folder / "index.html").read_text(encoding="utf-8")
    assert [page.stem for page in (ROOT / "docs").glob("*.md") if f'href="{page.stem}.html"' not in menu] == []


@pytest.mark.slow
def test_the_library_is_told_from_its_docstrings(site):
    folder, _ = site
    page = (folder / "reference.html").read_text(encoding="utf-8")
    for name in ("pipeline.ReCo.segment", "types.Segmentation", "archives.archive.Archive", "errors.RecoError"):
        assert f'id="reco_core.{name}"' in page
