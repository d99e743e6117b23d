"""WordNet's nouns: which words name things, and which covers which? ("dog" covers 118 of ImageNet's classes.)

Reads the data files of WordNet 3.0 (Debian: apt-get install wordnet-base, /usr/share/wordnet),
whose offsets are ImageNet's class ids.
"""

from collections import Counter
from pathlib import Path

SENSES = 2  # of a word, the most frequent ones
NOUN, OTHERS = "1", "2345"  # WordNet's numbers of the parts of speech: noun; verb, adjectives, adverb
# lexicographer files of what can be seen: tops (person, food), animal, artifact, body, food, group, place, object,
# person, phenomenon (snow), plant, substance
VISIBLE = frozenset({3, 5, 6, 8, 13, 14, 15, 17, 18, 19, 20, 27})
LEAST_NOUN = 0.4  # share of a word's uses that are a noun's
PLURALS = (("ches", "ch"), ("shes", "sh"), ("sses", "ss"), ("xes", "x"), ("ies", "y"), ("men", "man"), ("s", ""))
FIELDS_BEFORE_LEMMAS = 4  # offset, file, part of speech, number of lemmas


class Nouns:
    """parents: synset offset -> offsets of its hypernyms. files: -> its lexicographer file. senses: word -> offsets,
    most frequent first. plurals: irregular ones. uses: (word, part of speech) -> how often it was seen.
    """

    def __init__(self, folder: Path) -> None:
        synsets = list(_lines(folder / "data.noun"))
        self.parents = {fields[0]: _parents(fields) for fields in synsets}
        self.files = {fields[0]: int(fields[1]) for fields in synsets}
        self.synonyms = {fields[0]: _lemmas(fields) for fields in synsets}
        self.senses = dict(_senses(folder / "index.noun"))
        irregular = (line.split()[:2] for line in (folder / "noun.exc").read_text().splitlines())
        self.plurals = {plural.replace("_", " "): word.replace("_", " ") for plural, word in irregular}
        self.uses: Counter[tuple[str, str]] = Counter()
        for line in (folder / "cntlist.rev").read_text().splitlines():
            key, _, count = line.split()
            word, _, kind = key.partition("%")
            self.uses[word.replace("_", " "), kind[0]] += int(count)

    def singular(self, word: str) -> str | None:
        """The noun of which this is a form ("men" of "man"); None if there is none."""
        if self.plurals.get(word) in self.senses:
            return self.plurals[word]
        for plural, ending in PLURALS:
            stem = word.removesuffix(plural) + ending
            if word.endswith(plural) and not word.endswith("ss") and len(word) > 3 and stem in self.senses:
                return stem
        return word if word in self.senses else None

    def is_visible(self, noun: str) -> bool:
        """Whether a word is mostly a noun, and one for something that can be seen."""
        noun_uses, others = self.uses[noun, NOUN], sum(self.uses[noun, kind] for kind in OTHERS)
        share = (noun_uses + 0.5) / (noun_uses + others + 1)
        return share >= LEAST_NOUN and self.files[self.senses[noun][0]] in VISIBLE

    def above(self, offset: str) -> set[str]:
        """A synset and everything above it."""
        found, waiting = set(), [offset]
        while waiting:
            synset = waiting.pop()
            if synset not in found:
                found.add(synset)
                waiting += self.parents[synset]
        return found

    def covered(self, word: str, classes: list[set[str]]) -> set[int]:
        """The classes (each given by `above` of its synset) that are kinds of a word's frequent senses."""
        synsets = set(self.senses.get(word, [])[:SENSES])
        return {i for i, above in enumerate(classes) if synsets & above}


def _lines(file: Path):
    for line in file.read_text(encoding="latin-1").splitlines():
        if not line.startswith("  "):  # the licence
            yield line.split(" | ")[0].split()


def _lemmas(fields: list[str]) -> list[str]:
    return [fields[FIELDS_BEFORE_LEMMAS + 2 * i].replace("_", " ").lower() for i in range(int(fields[3], 16))]


def _parents(fields: list[str]) -> list[str]:
    at = FIELDS_BEFORE_LEMMAS + 2 * int(fields[3], 16)
    pointers = fields[at + 1 : at + 1 + 4 * int(fields[at])]
    return [pointers[i + 1] for i in range(0, len(pointers), 4) if pointers[i] in ("@", "@i")]


def _senses(file: Path):
    for fields in _lines(file):
        yield fields[0].replace("_", " "), fields[-int(fields[2]) :]
