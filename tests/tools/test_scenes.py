"""What is listed of training photos, as it is committed."""

from collections import Counter

import pytest


@pytest.fixture(scope="module")
def scenes(tool):
    return tool("scenes")


def test_words_and_doubts(scenes, tmp_path):
    file = tmp_path / "scenes.tsv"
    file.write_text("file\tseen\ncaptions/a.jpg\tsky, sea?, hot dog, sky\narchive/b/c.jpg\tplain\n")
    found = scenes.read_scenes(file)
    assert found["captions/a.jpg"] == scenes.Scene(("sky", "hot dog"), ("sea",))
    assert found["archive/b/c.jpg"] == scenes.Scene(("plain",), ())


def test_the_lists_are_whole(scenes):
    """Thousands of photos, each once; plain words; surroundings in most of them."""
    found = scenes.read_scenes()
    lines = scenes.FILE.read_text(encoding="utf-8").splitlines()
    assert len(found) == len(lines) - 1 > 10_000
    assert {file.split("/")[0] for file in found} == {"archive", "captions", "train"}
    assert all(scene.sure or scene.unsure for scene in found.values())
    words = Counter(word for scene in found.values() for word in scene.sure)
    assert all(word == word.strip().lower() and "?" not in word and len(word) < 40 for word in words)
    surroundings = {"sky", "wall", "floor", "grass", "road", "sidewalk", "tree", "building", "soil", "sand", "water"}
    share = sum(bool(surroundings & {*scene.sure}) for scene in found.values()) / len(found)
    assert share > 0.6
