"""The tools import each other by name, as programs of one folder do."""

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"

# offset, file, part of speech, lemmas in hexadecimal, lemma and id, pointers, then the gloss
DATA = """  1 a line of the licence
00000001 03 n 01 animal 0 000 | a living thing
00000002 05 n 02 dog 0 domestic_dog 0 001 @ 00000001 n 0000 | it barks
00000003 18 n 01 person 0 000 | a human being
00000004 18 n 02 man 0 adult_male 0 001 @ 00000003 n 0000 | a grown one
00000005 20 n 01 grass 0 000 | it is green
00000006 13 n 02 hot_dog 0 frankfurter 0 000 | to eat
00000007 04 n 01 run 0 000 | an act
00000008 18 n 01 boy 0 001 @i 00000003 n 0000 | a young one
00000009 06 n 01 shirt 0 001 @ 00000010 n 0000 | to wear
00000010 06 n 01 clothing 0 000 | what is worn
"""
INDEX = """  1 a line of the licence
animal n 1 1 ~ 1 0 00000001
boy n 1 1 @ 1 0 00000008
clothing n 1 1 ~ 1 0 00000010
dog n 2 1 @ 2 1 00000002 00000001
domestic_dog n 1 1 @ 1 0 00000002
adult_male n 1 1 @ 1 0 00000004
frankfurter n 1 1 @ 1 0 00000006
grass n 1 1 @ 1 0 00000005
hot_dog n 1 1 @ 1 0 00000006
man n 1 1 @ 1 0 00000004
person n 1 1 ~ 1 0 00000003
run n 1 1 ~ 1 0 00000007
shirt n 1 1 @ 1 0 00000009
"""
USES = "run%1:04:00:: 1 3\nrun%2:38:00:: 1 90\ndog%1:05:00:: 1 42\n"


@pytest.fixture(scope="session")
def tool() -> Iterator[Callable[[str], ModuleType]]:
    """A module of tools/, by name."""
    sys.path.insert(0, str(TOOLS))
    yield importlib.import_module
    sys.path.remove(str(TOOLS))


@pytest.fixture
def nouns(tool, tmp_path):
    """A WordNet of ten synsets."""
    for name, text in {"data.noun": DATA, "index.noun": INDEX, "noun.exc": "men man\n", "cntlist.rev": USES}.items():
        (tmp_path / name).write_text(text)
    return tool("wordnet").Nouns(tmp_path)
