"""File names after photos and typed names."""

import os
import unicodedata

import pytest

from reco_core.export.file_names import name_keys, photo_key


@pytest.mark.parametrize(
    ("file", "key"),
    [
        ("beach.jpg", "beach"),
        ("2024/July/IMG 1.JPEG", "2024/July/IMG 1"),
        ("v1.2.png", "v1.2"),
        ("Grün 猫.png", "Grün 猫"),
        ("../../etc/x.png", "etc/x"),
        ("/etc/x.png", "etc/x"),
        ('a"b:c?.png', "a_b_c_"),
        ("...png", "photo"),
        ("photo", "photo"),
    ],
)
def test_a_photos_files_are_called_after_it(file, key):
    assert photo_key(file) == key


def test_spellings_of_one_name_are_one_and_other_bytes_no_error():
    assert photo_key(unicodedata.normalize("NFD", "Grün.jpg")) == "Grün"
    photo_key(os.fsdecode(b"caf\xe9.jpg")).encode()  # no lone surrogates


def test_long_names_leave_room():
    assert len(photo_key("猫" * 300 + ".jpg").encode()) <= 120
    assert len(name_keys(["猫" * 80])[0].encode()) <= 120


def test_names_never_share_a_file():
    keys = name_keys(["a/b", "a:b", "A_B", "x.y", "cat"])
    assert len({key.casefold() for key in keys}) == 5
    assert keys[0] == "a_b" and keys[4] == "cat"
    assert not any("." in key for key in keys)  # or "x" + "cat.dog" would be "x.cat" + "dog"
