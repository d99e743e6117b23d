"""Words as titles and names are compared by."""

import pytest

from reco_core.utils.names import names_in
from reco_core.utils.words import singular, words_of

PLURALS = names_in(
    "dog/dogs, box/boxes, bus/buses, church/churches, glass/glasses, horse/horses, house/houses, rose/roses, "
    "dish/dishes, berry/berries, movie/movies, cookie/cookies, pie/pies, tie/ties, tomato/tomatoes, piano/pianos, "
    "photo/photos, shoe/shoes, toe/toes, axe/axes, fox/foxes, wolf/wolves, knife/knives, glove/gloves, "
    "leaf/leaves, scarf/scarves, man/men, woman/women, child/children, mouse/mice, tooth/teeth, "
    "octopus/octopuses, zebra/zebras, kiwi/kiwis, key/keys, bee/bees, cave/caves"
)


@pytest.mark.parametrize("pair", PLURALS)
def test_a_noun_and_its_plural_are_one(pair):
    one, many = pair.split("/")
    assert singular(one) == singular(many)


def test_other_words_stay_apart():
    words = "dog hot bus bush glass grass paint painting painter build building cave cafe reef reeve ox axe boss bose"
    assert len({singular(word) for word in words.split()}) == len(words.split())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Steel  DRUMS!", "steel drum"),
        ("blue_bird-03", "Blue bird (03)"),
        ("Žofie's Häuschen", "zofie hauschen"),
        ("GRÜSSE", "grüße"),
        ("naïve café’s", "naive cafe"),
        ("cafe\u0301", "café"),  # composed or not
        ("ﬁre engine", "fire engine"),
        ("ёлка", "Елка"),
        ("قِطَّة", "قطة"),
        ("黄色い鳥", "黄 色 い 鳥"),
    ],
)
def test_case_accents_and_punctuation_do_not_matter(one, other):
    assert words_of(one) == words_of(other) != []


def test_scripts_keep_what_tells_words_apart():
    assert words_of("हिन्दी पक्षी") == ["हिन्दी", "पक्षी"]
    assert words_of("นกสีฟ้า 한국어 새") == ["นกสีฟ้า", "한국어", "새"]
    assert words_of("🐦 !!\n\0") == []
