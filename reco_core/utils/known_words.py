"""Words that are known: names of things from the bundled lists, and English words of any kind."""

import csv
import difflib
import gzip
from collections.abc import Iterator
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path

from reco_core.utils.names import names_in
from reco_core.utils.paths import bundled_folder
from reco_core.utils.words import WORD, singular, words_of

ASSETS = bundled_folder() / "assets"
MERGES = 48_894  # pieces of words that CLIP reads, the commonest first
EVERYDAY = 20_000  # of them, among which are no slips yet ("dogg" is the 20,237th)
LETTERS = "abcdefghijklmnopqrstuvwxyz"
MOST = 3  # words that are offered for one
ALIKE = 0.8  # letters of both words, in order, that are the same: "elefant", "mounten"
NAMES = 1000  # ImageNet's, of those that mini knows
SHORTEST = 4  # letters of a word that can be misspelt: shorter ones are near too many others
# Spellings of one sound, in this order: "dolfin", "boks".
SOUNDS = (("ph", "f"), ("ck", "k"), ("qu", "kw"), ("x", "ks"), ("y", "i"), ("z", "s"), ("ce", "se"), ("ci", "si"))
# Things whose colour, number or place is part of their name, and which the lists do not have under it.
MORE = names_in(
    "red panda, black hole, blue cheese, white board, black board, black forest cake, Red Bull, Red Cross, "
    "White House, corn on the cob, first aid kit, hot dog, Golden Gate Bridge, man in the moon"
)


class KnownNames:
    """Names of things. Case, accents and plurals do not matter."""

    def __init__(self, names: tuple[str, ...]) -> None:
        """names: the more usual first."""
        self._spelling: dict[tuple[str, ...], str] = {}
        self._ends: set[tuple[str, ...]] = set()
        self._words: set[str] = set()
        self._alone: dict[str, int] = {}
        self._within: dict[str, int] = {}
        for rank, name in enumerate(names):
            words, parts = tuple(words_of(name)), name.casefold().split()
            self._spelling.setdefault(words, name)
            self._words.update(words)
            for part in parts:
                (self._alone if len(parts) == 1 else self._within).setdefault(part, rank)
            self._ends.update(words[begin:] for begin in range(1, len(words) - 1))  # of "American black bear"

    def whole(self, name: str) -> bool:
        """Whether it is a thing's name, or the end of one that has several words."""
        words = tuple(words_of(name))
        return words in self._spelling or words in self._ends

    def spelling(self, name: str) -> str:
        """The known spelling ("dog" of "dogs"), or the name as it is."""
        return self._spelling.get(tuple(words_of(name)), name)

    def has(self, word: str) -> bool:
        """Whether a word stands in any name, alone or with others."""
        return singular(word.casefold()) in self._words

    def near(self, word: str, alone: bool) -> tuple[str, ...]:
        """The words that are one slip away, at most `MOST`: the likelier slips first, then the more usual words.

        alone: only names of one word; else also words from within names.
        """
        known = self._alone if alone else {**self._within, **self._alone}
        costs = slips(word.casefold())
        found = [slip for slip in costs if slip in known]
        if not found and word.endswith("s"):
            return tuple(f"{near}s" for near in self.near(word[:-1], alone) if not near.endswith("s"))
        best = sorted(found, key=lambda near: (costs[near], known[near]))
        return tuple(best[:MOST])

    def alike(self, word: str) -> tuple[str, ...]:
        """Names of one word that sound like one that is in no name, or look most like it; at most `MOST`.

        None for an everyday word, such as "singer".
        """
        plain = word.casefold()
        if self.has(plain) or not plain.isalpha() or plain in english_words(EVERYDAY):
            return ()
        same = self._sounds.get(sound_of(plain), []) if len(plain) >= SHORTEST else []
        near = difflib.get_close_matches(plain, [one for one in self._alone if one != plain], MOST, ALIKE)
        return tuple(dict.fromkeys([*same, *near]))[:MOST]

    @cached_property
    def _sounds(self) -> dict[str, list[str]]:
        """The names of one word by how they sound, the more usual first."""
        sounds: dict[str, list[str]] = {}
        for name in self._alone:
            sounds.setdefault(sound_of(name), []).append(name)
        return sounds


@cache
def known_names() -> KnownNames:
    """Of the bundled lists: mini's names, and the nouns by how common they are."""
    return KnownNames((*mini_names(), *_nouns(), *mini_synonyms(), *MORE))


@cache
def usual_names() -> tuple[str, ...]:
    """The same names as they are offered: common nouns that mini knows, the others, what else mini knows, and the rest,
    in which short names are first; some are there twice.
    """
    nouns, mini = _nouns(), dict.fromkeys(mini_names())
    common = [name for name, count in nouns.items() if count]
    rest = sorted(nouns, key=lambda name: name.count(" "))
    return (*(name for name in common if name in mini), *common, *mini, *mini_synonyms(), *rest, *MORE)


def mini_names() -> list[str]:
    """What mini knows, by its first name each: ImageNet's 1,000 names, then words of captions."""
    return [first for first, *_ in _mini_lines()]


def mini_synonyms() -> list[str]:
    """What else the words of captions are called: "aeroplane". Not those of ImageNet's names, many of them Latin."""
    return [other for _, *others in _mini_lines()[NAMES:] for other in others]


def _mini_lines() -> list[list[str]]:
    lines = (ASSETS / "mini" / "names.txt").read_text(encoding="utf-8").splitlines()
    return [line.split(", ") for line in lines]


@cache
def _nouns() -> dict[str, int]:
    """How often each was counted, the most common first."""
    with (ASSETS / "vocabulary" / "nouns.tsv").open(newline="", encoding="utf-8") as table:
        rows = csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE)
        counts = {row["name"]: int(row["count"]) for row in rows}
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


@cache
def english_words(most: int = MERGES) -> frozenset[str]:
    """The whole words among the commonest pieces that CLIP reads, whatever they mean; none without open_clip."""
    spec = find_spec("open_clip")
    for place in (spec.submodule_search_locations or []) if spec else []:
        file = Path(place) / "bpe_simple_vocab_16e6.txt.gz"
        if file.is_file():
            merges = gzip.decompress(file.read_bytes()).decode("utf-8").splitlines()
            read = merges[1 : most + 1]
            ends = ("".join(line.split()) for line in read if line.endswith("</w>"))
            return frozenset(end.removesuffix("</w>") for end in ends)
    return frozenset()


def misspelt(name: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Words of a name that no list knows, each with the known ones that are one slip away."""
    names, words = known_names(), WORD.findall(name)
    for word in words:
        plain = word.casefold()
        if len(word) >= SHORTEST and plain.isascii() and plain.isalpha() and not names.has(plain):
            near = names.near(plain, alone=len(words) == 1)
            if near and not {plain, plain.removesuffix("s")} & english_words():
                yield word, near


def sound_of(word: str) -> str:
    """A word of small letters as it sounds, roughly: one spelling a sound, no doubles, no silent e at the end."""
    for spelt, sound in SOUNDS:
        word = word.replace(spelt, sound)
    once = "".join(letter for letter, before in zip(word, " " + word, strict=False) if letter != before)
    return once.replace("c", "k").removesuffix("e")


def slips(word: str) -> dict[str, int]:
    """All words that are one slip away, and how unlikely the slip is, 0 and more.

    A letter is doubled or its double left out, two are swapped, one is left out, put in, or changed (not the first);
    of short words only the first two.
    """
    cuts = [(word[:i], word[i:]) for i in range(len(word) + 1)]
    kinds = [{a + b[0] + b for a, b in cuts if b}, {a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1}]
    if len(word) > SHORTEST:
        kinds += [
            {a + c + b for a, b in cuts for c in LETTERS},
            {a + b[1:] for a, b in cuts if b},
            {a + c + b[1:] for a, b in cuts if a and b for c in LETTERS},
        ]
    return {slip: cost for cost, slips in reversed([*enumerate(kinds)]) for slip in slips}
