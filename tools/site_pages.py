"""A hook of mkdocs: pages that lie outside docs/ join the site, and links follow them there.

Links are written for whoever reads the files where they lie. Of one to a file that is no page its text stays.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
OUTSIDE = {
    "assets/mini/MODEL_CARD.md": "model_card.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
}
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    for path, page in OUTSIDE.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links as they are on the site."""
    at = {there: path for path, there in OUTSIDE.items()}.get(page.file.src_uri, f"docs/{page.file.src_uri}")

    def follow(match: re.Match[str]) -> str:
        text, target, anchor = match[1], match[2], match[3] or ""
        if "://" in target or target.startswith("mailto:"):
            return match[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(at), target))
        there = OUTSIDE.get(path) or path.removeprefix("docs/")
        if files.get_file_from_path(there) and (path in OUTSIDE or path.startswith("docs/")):
            return f"[{text}]({there}{anchor})"
        return text if (ROOT / path).exists() else match[0]

    return LINK.sub(follow, markdown)
