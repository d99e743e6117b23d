"""Licences that let anyone use a photo, and those that do not, however they are written."""

import pytest

from reco_core.photo_sources.credits import known_fields
from reco_core.photo_sources.licences import is_open


@pytest.mark.parametrize(
    "licence",
    [
        "CC BY 4.0 (CaltechDATA)",
        "CC BY-SA 2.0",
        "cc-by-4.0",
        "cc-by-sa-3.0",
        "CC BY",
        "https://creativecommons.org/licenses/by/2.0/",
        "https://creativecommons.org/licenses/by-sa/2.0/",
        "https://creativecommons.org/publicdomain/mark/1.0/",
        "Creative Commons (Wikimedia Commons; the file name is the Commons file name)",
        "Creative Commons Attribution-ShareAlike 3.0",
        "Creative Commons Zero",
        "MIT",
        "CC0 1.0",
        " public domain",
    ],
)
def test_open_ones(licence):
    assert is_open(licence)
    assert not is_open(licence, "no")


@pytest.mark.parametrize(
    "licence",
    [
        "https://creativecommons.org/licenses/by-nc/2.0/",
        "https://creativecommons.org/licenses/by-nd/2.0/",
        "CC BY-NC 4.0",
        "CC BY NC",
        "CC BY-NC_SA 3.0",
        "CC BY-NCSA",
        "CC BYNC 2.0",
        "cc-by-nd-4.0",
        "Creative Commons Attribution-NonCommercial 4.0",
        "Creative Commons Attribution, no derivatives",
        "Creative Commons",
        "ImageNet terms: non-commercial research",
        "all rights reserved",
        "unknown",
        "",
    ],
)
def test_others(licence):
    assert not is_open(licence)
    assert is_open(licence, "yes")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"open_licence": "Yes"}, "yes"),
        ({"Open-License": True}, "yes"),
        ({"open_licence": "1"}, "yes"),
        ({"open_licence": "no"}, "no"),
        ({"open_licence": ""}, "no"),
        ({"open_licence": None}, "no"),
        ({"open_licence": "perhaps"}, "no"),
        ({"licence": "MIT"}, ""),
    ],
)
def test_what_a_table_says(row, said):
    assert known_fields(row).get("open_licence", "") == said
