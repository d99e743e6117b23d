"""Titles and names as words that can be compared: without case, accents, punctuation and plurals."""

import re
import unicodedata

INVISIBLE = "\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"  # of no width; typed names lose them too
ACCENTS = re.compile(f"[\u0300-\u036f\u0591-\u05c7\u064b-\u065f{INVISIBLE}]")  # Latin, Greek, Cyrillic; Hebrew; Arabic
CHINESE = "\u3005-\u30ff\u3400-\u9fff\uf900-\ufaff"  # and Japanese: nothing stands between words
VOWELS = "\u0900-\u0dff\u0e00-\u109f\u1780-\u17ff"  # scripts of India and south-east Asia: their vowels are no letters
# A Chinese letter is a word; all other words are runs of letters and digits.
WORD = re.compile(f"[{CHINESE}]|(?:[^\\W_{CHINESE}]|[{VOWELS}])+")
POSSESSIVE = re.compile("['\u2019]s\\b")
IRREGULAR = {
    "men": "man",
    "women": "woman",
    "children": "child",
    "people": "person",
    "mice": "mouse",
    "geese": "goose",
    "feet": "foot",
    "teeth": "tooth",
    "cacti": "cactus",
    "wolves": "wolf",
    "leaves": "leaf",
    "shelves": "shelf",
    "loaves": "loaf",
    "calves": "calf",
    "scarves": "scarf",
    "thieves": "thief",
    "hooves": "hoof",
    "elves": "elf",
    "halves": "half",
    "knives": "knife",
    "wives": "wife",
}
HISSING = ("s", "x", "z", "ch", "sh", "o")  # plurals after these have an "e" more


def words_of(text: str) -> list[str]:
    """The words of a text, in order, as they are compared."""
    return [singular(word) for word in WORD.findall(folded(text))]


def folded(text: str) -> str:
    """Text of any length without case, accents and possessive endings."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", ACCENTS.sub("", unicodedata.normalize("NFKD", text)))
    return POSSESSIVE.sub("", text.casefold())


def singular(word: str) -> str:
    """A key that an English noun shares with its plural: "boxes" and "box", "horses" and "horse" ("hors").

    After Harman's S stemmer (How effective is suffixing?, JASIS 1991), which touches plurals only: stemmers that take
    more away would have "painting" found by "paint". A key need be no word, as long as both give the same.
    """
    word = IRREGULAR.get(word, word)
    if not word.isascii() or not word.isalpha():
        return word
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us")):
        word = word[:-1]
    if len(word) < 4:
        return word
    if word.endswith("ie"):
        return word[:-2] + "y"
    if word.endswith("e") and word[:-1].endswith(HISSING):
        return word[:-1]
    return word
