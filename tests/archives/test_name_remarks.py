from types import SimpleNamespace
from typing import Any

import pytest

from reco_core.archives.asked_names import understand
from reco_core.archives.name_remarks import NameRemark, remarks_on
from reco_core.archives.title_search import TitleIndex, search_titles
from reco_core.errors import NamesError


def archive(*titles: str) -> Any:
    """As much of an archive as names ask of it."""
    index = TitleIndex(titles)
    records = [SimpleNamespace(title=title) for title in titles]
    return SimpleNamespace(records=records, called=lambda name: search_titles([index], name))


def remark(name: str, *titles: str, own: tuple[str, ...] = ()) -> NameRemark:
    (said,) = remarks_on([name], archive(*titles), own)
    return said


@pytest.mark.parametrize("name", ["cat", "hot dogs", "a cat", "singer", "7 up"])
def test_of_known_names_nothing_is_said(name):
    assert remark(name) == NameRemark()


def test_misspelt_names_have_others_in_their_place():
    assert remark("motorcylce") == NameRemark("not known. Did you mean", ("motorcycle",), refused=True)
    assert remark("red hourse").instead == ("horse", "house")
    assert remark("fire extingiusher").instead == ("fire extinguisher",)


@pytest.mark.parametrize(("typed", "meant"), [("dogg", "dog"), ("catt", "cat"), ("elefant", "elephant")])
def test_what_only_looks_like_a_name_is_asked_about_and_looked_for(typed, meant):
    said = remark(typed)
    assert (said.instead[0], said.refused) == (meant, False)
    assert said.text == f'ReCo does not know "{typed}" and can only guess. Three photos teach it. Did you mean'
    assert understand(typed, archive()).names == (typed,)
    assert remark(typed, typed) == NameRemark()  # a photo is called so


@pytest.mark.parametrize(("name", "lasting"), [("😀", True), ("x" * 81, True), ("motorcylce", False)])
def test_what_can_be_no_name_cannot_be_kept(name, lasting):
    assert (remark(name).refused, remark(name).lasting) == (True, lasting)


def test_what_is_not_understood_and_not_known_is_said():
    assert remark("red car").text == '"car" is looked for: colours are not understood.'
    assert "places and numbers are not understood" in remark("two dogs on the left").text
    assert '"zorbl"' in remark("zorbl vase").text and "vase" not in remark("zorbl vase").text
    assert '"猫"' in remark("猫").text


def test_taught_names_and_titles_are_known():
    assert remark("zorbl", own=("Zorbl",)) == remark("zorbl", "a zorbl at night") == NameRemark()
    assert remark("motorcylce", own=("motorcylce",)) == remark("motorcylce", "Motorcylce") == NameRemark()


@pytest.mark.parametrize(
    "name", ["cat", "red car", "zorbl", "motorcylce", "red motorcylce", "not a cat", "!?", "😀", "x" * 81, "two dogs"]
)
def test_refused_is_what_understand_refuses(name):
    try:
        understand([name], archive())
        refused = False
    except NamesError:
        refused = True
    assert remark(name).refused == refused


def test_one_remark_a_name_in_their_order():
    said = remarks_on(["cat", "not a cat", "dog"], archive())
    assert [one.refused for one in said] == [False, True, False]
