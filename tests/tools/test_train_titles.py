"""Teaching mini new words from titles: which names a title allows, and that rows learn them."""

import importlib
import sys
from pathlib import Path

import pytest
import torch

TOOLS = Path(__file__).resolve().parents[2] / "tools"
# offset, file, part of speech, lemmas in hexadecimal, lemma and id, pointers, then the gloss
DATA = """  1 a line of the licence
00000001 03 n 01 animal 0 000 | a living thing
00000002 05 n 02 dog 0 domestic_dog 0 001 @ 00000001 n 0000 | it barks
00000003 05 n 01 pug 0 002 @ 00000002 n 0000 ~ 00000009 n 0000 | a small dog
00000004 05 n 01 cat 0 001 @i 00000001 n 0000 | it does not
"""
INDEX = """  1 a line of the licence
animal n 1 1 ~ 1 0 00000001
domestic_dog n 1 1 @ 1 0 00000002
dog n 3 1 @ 3 1 00000002 00000004 00000001
"""


@pytest.fixture(scope="module")
def tools():
    sys.path.insert(0, str(TOOLS))
    yield {name: importlib.import_module(name) for name in ("train_titles", "titles", "wordnet")}
    sys.path.remove(str(TOOLS))


@pytest.fixture
def nouns(tools, tmp_path):
    (tmp_path / "data.noun").write_text(DATA)
    (tmp_path / "index.noun").write_text(INDEX)
    for name in ("noun.exc", "cntlist.rev"):
        (tmp_path / name).write_text("")
    return tools["wordnet"].Nouns(tmp_path)


def test_hypernyms(nouns):
    assert nouns.above("00000003") == {"00000003", "00000002", "00000001"}
    assert nouns.above("00000004") == {"00000004", "00000001"}


def test_a_word_covers_the_classes_below_its_two_most_frequent_senses(nouns):
    classes = [nouns.above("00000003"), nouns.above("00000004"), nouns.above("00000001")]
    assert nouns.covered("dog", classes) == {0, 1}
    assert nouns.covered("domestic dog", classes) == {0}
    assert nouns.covered("animal", classes) == {0, 1, 2}
    assert nouns.covered("unheard of", classes) == set()


def test_titles_allow_their_names(tools, nouns, monkeypatch):
    module, titled = tools["train_titles"], tools["titles"].Titled
    monkeypatch.setattr(module, "CLASSES", 2)
    monkeypatch.setattr(module, "class_names", lambda: ([["pug", "pug-dog"], ["banjo"]], ["00000003", "00000004"]))
    photos = [
        titled("a", "web_photos.tar", "dog"),
        titled("b", "web_photos.tar", "banjo"),
        titled("c", "mini_imagenet_84px.tar", "pug"),
        titled("d", "web_photos.tar", "street"),
    ]
    new, allowed = module.allowed_names(photos, nouns)
    assert new == ["dog", "street"]  # a banjo has its class already
    assert allowed.tolist() == [
        [True, True, True, False],
        [False, True, False, False],
        [True, False, True, False],
        [False, False, False, True],
    ]


def test_rows_learn_new_words_and_leave_the_old_ones(tools):
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(4, 16, generator=generator) * 2
    truth = torch.arange(400) % 4
    tokens = centres[truth] + torch.randn(400, 16, generator=generator)
    weight, bias = centres[:2], -centres[:2].square().sum(-1) / 2  # the best classifier of the first two
    allowed = torch.nn.functional.one_hot(truth, 4).bool()
    rows, biases, losses = tools["train_titles"].train_rows(
        tokens, allowed, [str(t) for t in truth.tolist()], weight, bias, 300
    )
    best = (tokens @ torch.cat([weight, rows]).T + torch.cat([bias, biases])).argmax(-1)
    assert (best == truth).float().mean() > 0.95
    assert losses[-1] < losses[0]
    again, _, _ = tools["train_titles"].train_rows(tokens, allowed, [str(t) for t in truth.tolist()], weight, bias, 300)
    assert torch.equal(rows, again)


def test_a_quarter_is_held_out(tools):
    photos = [tools["titles"].Titled(f"{i:06}.jpg", "web_photos.tar", "dog") for i in range(2000)]
    assert sum(photo.held_out for photo in photos) / len(photos) == pytest.approx(0.25, abs=0.03)
