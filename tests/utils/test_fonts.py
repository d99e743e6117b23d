"""Letters of names in pictures."""

import pytest

from reco_core.utils.fonts import can_write, name_font


def picture(text: str) -> bytes:
    return bytes(name_font(40).getmask(text))


@pytest.mark.parametrize("text", ["Müller", "Straße", "žluť", "кошка", "γάτα", "cat's 2nd"])
def test_letters_are_letters(text):
    assert can_write(text)
    assert len({picture(sign) for sign in text if sign.isalpha()}) == len({*filter(str.isalpha, text)})


def test_signs_without_a_picture_are_known():
    assert picture("猫") == picture("犬")  # the box that stands for every sign there is not
    assert not can_write("猫") and not can_write("a 猫")
