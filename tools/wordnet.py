"""WordNet's nouns: which of ImageNet's classes does a word cover? ("dog" covers 118 breeds.)

Reads the data files of WordNet 3.0 (Debian: apt-get install wordnet-base, /usr/share/wordnet),
whose offsets are ImageNet's class ids.
"""

from pathlib import Path

SENSES = 2  # of a word, the most frequent ones
FIELDS_BEFORE_LEMMAS = 4  # offset, file, part of speech, number of lemmas


class Nouns:
    """parents: synset offset -> offsets of its hypernyms. senses: word -> offsets, most frequent first."""

    def __init__(self, folder: Path) -> None:
        self.parents = dict(_parents(folder / "data.noun"))
        self.senses = dict(_senses(folder / "index.noun"))

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


def _parents(file: Path):
    for fields in _lines(file):
        at = FIELDS_BEFORE_LEMMAS + 2 * int(fields[3], 16)
        pointers = fields[at + 1 : at + 1 + 4 * int(fields[at])]
        yield fields[0], [pointers[i + 1] for i in range(0, len(pointers), 4) if pointers[i] in ("@", "@i")]


def _senses(file: Path):
    for fields in _lines(file):
        yield fields[0].replace("_", " "), fields[-int(fields[2]) :]
