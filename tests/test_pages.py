"""README.md, docs/ and the other pages: links lead somewhere, words are few, figures are the program's own."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from reco_core.evaluation.published import PUBLISHED

ROOT = Path(__file__).resolve().parent.parent
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [*sorted(ROOT.glob("*.md")), ROOT / "assets" / "mini" / "MODEL_CARD.md", *DOCS]
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]
BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
MOST_WORDS = 900
LABORATORY = "mIoU, mask, exemplar, embedding, co-segment, zero-shot, pixel, baseline, CLIP, segmentation, CRF"
AMERICAN = (
    "color, gray, behavior, center, centered, labeled, unlabeled, modeling, neighbor, recognize, analyze, license"
)


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose(page: Path) -> str:
    """Without blocks of code, and without code in sentences."""
    return re.sub(r"`[^`\n]+`", "", BLOCK.sub("", text_of(page)))


def anchors(page: Path) -> set[str]:
    """What GitHub and the site call a page's headings."""
    titles = re.findall(r"^#+ (.+)$", BLOCK.sub("", text_of(page)), re.MULTILINE)
    plain = [re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", title) for title in titles]
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in plain}


def dead(page: Path, text: str) -> list[str]:
    """Links of a text, as if it stood on this page, that lead nowhere inside the repository."""
    missing = []
    for link in LINK.findall(re.sub(r"`[^`\n]+`", "", BLOCK.sub("", text))):
        if re.match(r"https?://|mailto:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        there = target.exists() and target.is_relative_to(ROOT)
        if not there or (anchor and anchor not in anchors(target)):
            missing.append(link)
    return missing


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name):
    assert dead(ROOT / name, text_of(ROOT / name)) == []


def test_a_dead_link_would_be_seen():
    text = "[a](docs/nothing.md) ![b](docs/no.png) [c](docs/api.md#nowhere) [d](docs/api.md#curl) [e](../x.md)"
    assert dead(ROOT / "README.md", text) == ["docs/nothing.md", "docs/no.png", "docs/api.md#nowhere", "../x.md"]


def test_pictures_are_shown_and_said():
    shown = "\n".join(text_of(page) for page in PAGES)
    pictures = [file.name for file in (ROOT / "docs").iterdir() if file.suffix in (".png", ".jpg", ".webp")]
    assert [name for name in pictures if f"{name})" not in shown] == [], "no page shows it"
    assert re.findall(r"!\[\]\([^)]*\)", shown) == [], "who cannot see a picture is told what it shows"


def test_the_readme_is_short():
    words = text_of(ROOT / "README.md").split()
    assert len(words) <= MOST_WORDS


def test_the_first_screen_is_in_plain_words():
    first = text_of(ROOT / "README.md").partition("## ")[0]
    first = BLOCK.sub("", first)
    assert re.findall("|".join(LABORATORY.split(", ")), first) == []
    assert first.index("visit.webp") < 700, "the recording is on the first screen"


def test_the_papers_tables_are_the_programs():
    """Every published row, and no other."""
    page = text_of(ROOT / "docs" / "paper.md")
    tables = dict(re.findall(r"<!-- figures: published (\w+) -->\n(.*?)<!-- end -->", page, re.DOTALL))
    assert tables.keys() == PUBLISHED.keys()
    for name, table in tables.items():
        rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]
        told = [row for row in rows if not row[0].startswith("**ours")]
        assert told == [
            [row, *("-" if figure is None else f"{figure:.1f}" for figure in figures)]
            for row, *figures in PUBLISHED[name]
        ]
        assert len(rows) > len(told), "what ours is, or that it was not measured"
        assert re.search(rf"`reco bench {name} --root ", page)


@pytest.mark.parametrize(
    "page", [page for page in PAGES if "<!-- figures:" in text_of(page)], ids=lambda page: page.name
)
def test_figures_have_their_command(page):
    assert re.search(r"reco bench|python (benchmarks|tools)/\w+\.py|docs/benchmarks\.md", text_of(page))


@pytest.mark.parametrize("name", NAMES)
def test_british_spelling(name):
    american = "|".join(AMERICAN.split(", "))
    assert re.findall(rf"\b(?:{american})s?\b", prose(ROOT / name)) == []


def test_spelling():
    """By codespell's lists, with what pyproject.toml says."""
    command = [sys.executable, "-m", "codespell_lib", *NAMES, "reco_core", "reco_app"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    wrong = subprocess.run(
        [*command[:3], "-"], cwd=ROOT, input="teh photo\n", capture_output=True, text=True, check=False
    )
    assert wrong.returncode, "a slip would be seen"


def test_the_citation_and_the_licence_are_one():
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]
    assert project["license"] in text_of(ROOT / "README.md")
