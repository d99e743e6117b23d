"""What README.md and docs/ tell a reader to type."""

import re
import shlex
from pathlib import Path

import pytest

from reco_core.cli.main import build_parser

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = (".py", ".html", ".js", ".md")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def typed(page: Path) -> list[str]:
    """The commands in a page's blocks and, in its sentences, between backticks."""
    text = page.read_text(encoding="utf-8")
    blocks = [block for language, block in BLOCK.findall(text) if not language]
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    lines = [line.strip().removeprefix("$ ") for line in lines]
    inline = re.findall(r"`(reco [a-z][^`]*)`", BLOCK.sub("", text))
    return [command for command in [*lines, *inline] if command.startswith("reco ")]


def arguments(command: str) -> list[str]:
    """Of a command as pages write it: [optional] parts are given, of a|b|c the first, and "..." stands for more."""
    words = shlex.split(re.sub(r"[\[\]]", "", command), comments=True)[1:]
    return [word.partition("|")[0] for word in words if word != "..."]


COMMANDS = [(page.name, command) for page in PAGES for command in typed(page)]


def test_there_are_commands():
    assert len(COMMANDS) > 40
    assert arguments('reco archive build A --out b [--dense fine|none] "c d" ...  # e') == [
        *("archive", "build", "A", "--out", "b", "--dense", "fine", "c d")
    ]


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_commands_are_understood(page, command, capsys):
    """All of a line in a block; a sentence may name a command alone, or its help."""
    try:
        assert callable(build_parser().parse_args(arguments(command)).run)
    except SystemExit as done:
        said = capsys.readouterr()
        words = command.split()[1:]
        assert not done.code or (
            "arguments are required" in said.err and all(re.fullmatch("[a-z]+", word) for word in words)
        ), f"{page}: {said.err}"


def test_a_wrong_command_would_be_seen():
    for wrong in ("reco bench compare a.json b.json", "reco segment a.jpg --specialist b --out c", "reco compar a b"):
        with pytest.raises(SystemExit):
            build_parser().parse_args(arguments(wrong))


def test_the_command_has_one_name():
    """`reco`; how to call it without installing it is said once."""
    sources = [file for top in ("reco_core", "reco_app") for file in (ROOT / top).rglob("*") if file.suffix in TEXTS]
    pages = [*PAGES, *sources, ROOT / "app.py"]
    long = [file.relative_to(ROOT).as_posix() for file in pages if "-m reco_core" in file.read_text(encoding="utf-8")]
    assert sorted(long) == ["README.md", "reco_core/__main__.py"]


def test_the_snippet_prints_what_the_readme_says(capsys):
    (snippet,) = re.findall(
        r"^```python\n(.*?)^```\n\n```\n(.*?)^```$", README.read_text(encoding="utf-8"), re.M | re.S
    )
    code, printed = snippet
    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})
    assert capsys.readouterr().out == printed
