"""Every example of docs/api.md, run as it stands there but for the address; that of adapt is in test_adapt."""

import json
import re
import shutil
from pathlib import Path

import pytest
from PIL import Image
from support.api_page import BLOCKS, HERE, RUNS, lay_out, run

QUICK = [block for block in BLOCKS if block[0] in RUNS and "/adapt" not in block[1]]


def test_there_are_examples_of_every_kind():
    languages = [language for language, _ in BLOCKS]
    assert {language: languages.count(language) for language in RUNS} == {"bash": 3, "python": 4, "javascript": 1}
    assert all(shutil.which(command) for command in ("curl", "node"))  # CONTRIBUTING.md says that they are needed
    assert set(languages) == {*RUNS, "json"}


@pytest.mark.parametrize(("language", "code"), QUICK)
def test_an_example(tmp_path, address, language, code):
    folder: Path = tmp_path
    lay_out(folder)
    said = run(folder, address, language, code)
    if language == "javascript":
        assert re.search(r"^cat found (0\.\d+|1)$", said, re.MULTILINE)
        assert Image.open(folder / "overlay.png").size == (451, 300)
    for file in folder.glob("*.json"):
        assert json.loads(file.read_text()).keys() & {"concepts", "segments", "taught"}
    if language == "python":
        assert "(300, 451)" in said or "cat found" in said or "['segment', 'discover', 'search']" in said


def test_the_answer_that_is_shown_has_what_answers_have(post, encoded):
    shown = next(json.loads(code) for language, code in BLOCKS if language == "json")
    answer = post("segment", photo=encoded, names="cat").json()
    assert shown.keys() <= answer.keys()
    assert shown["concepts"][0].keys() <= answer["concepts"][0].keys()
    assert shown["concepts"][0]["area"] == pytest.approx(answer["concepts"][0]["area"], rel=0.2)


def test_the_configuration_of_mcp_names_the_address(address):
    configured = next(json.loads(code) for language, code in BLOCKS if language == "json" and "mcpServers" in code)
    assert configured["mcpServers"]["reco"]["url"].startswith(HERE)
