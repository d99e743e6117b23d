"""Links of pages on the site."""

from types import SimpleNamespace

import pytest
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files


@pytest.fixture
def follow(tool):
    site_pages = tool("site_pages")
    names = ("api.md", "index.md", "nginx.conf", *site_pages.OUTSIDE.values())
    files = Files([File(name, str(site_pages.ROOT / "docs"), "site", False) for name in names])

    def links(text: str, at: str) -> str:
        page = SimpleNamespace(file=SimpleNamespace(src_uri=at))
        return site_pages.on_page_markdown(text, page, MkDocsConfig(), files)

    return links


@pytest.mark.parametrize(
    ("at", "text", "there"),
    [
        ("index.md", "[a](api.md#curl)", "[a](api.md#curl)"),
        ("index.md", "[a](../SECURITY.md)", "[a](security.md)"),
        ("index.md", "[a](../assets/mini/MODEL_CARD.md)", "[a](model_card.md)"),
        ("index.md", "[a](nginx.conf)", "[a](nginx.conf)"),
        ("security.md", "[a](docs/api.md)", "[a](api.md)"),
        ("security.md", "[a](Dockerfile) b", "a b"),
        ("model_card.md", "[a](../../NOTICE)", "a"),
        ("changelog.md", "[a](https://example.org/b.md)", "[a](https://example.org/b.md)"),
        ("index.md", "[a](nothing.md)", "[a](nothing.md)"),
        ("index.md", "![a](../assets/x.png)", "![a](../assets/x.png)"),
    ],
)
def test_links_follow(follow, at, text, there):
    assert follow(text, at) == there
