import pytest

from reco_core.errors import OptionError, RecoError, find


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ({"remedy": 'Did you mean "a"?'}, 'it failed. Did you mean "a"?'),
        ({"remedy": "Try again."}, "it failed. Try again."),
        ({"given": "why?", "expected": "x."}, "it failed. Given: why? Expected: x."),
        ({}, "it failed."),
    ],
)
def test_sentences_end_once(parts, text):
    assert str(RecoError("it failed.", **parts)) == text


def test_only_what_is_near_is_suggested():
    known = {"reco": 1, "denseclip": 2}
    assert find("reco", known, "method") == 1
    with pytest.raises(OptionError, match=r'Given: densclip. Expected: reco, denseclip. Did you mean "denseclip"\?$'):
        find("densclip", known, "method")
    with pytest.raises(OptionError, match=r"Given: xyz. Expected: reco, denseclip.$"):
        find("xyz", known, "method")
