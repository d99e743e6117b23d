"""What captions and titles of training photos say: their words, and how surely each is in each photo.

A word counts by the share of a photo's captions that mention it, or a kind of it: a boy is a person. WordNet says what
is a noun, its singular, and what covers what. Phrases stay whole: a hot dog is no dog. One photo in twenty, chosen by
a checksum of its file's name, is held back: it trains nothing, and serves to fit and to choose (`is_held_back`).
"""

import csv
import re
import sys
import tomllib
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from timm.data import ImageNetInfo

sys.path.insert(0, str(Path(__file__).resolve().parent))
from scenes import Scene
from titles import titled_photos
from wordnet import Nouns

CLASSES = 1000
HELD_BACK = 20  # one captioned photo in so many
LEAST = 9.0  # sum of a word's shares over photos, so that it becomes one of the network's
LONGEST_PHRASE = 3  # words
SEVERAL_SAY = 4  # captions of one photo, from which agreement can be told
LISTS = tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))
NOT_THINGS, NOT_SYNONYMS = frozenset(LISTS["not_things"]), frozenset(LISTS["not_synonyms"])
PLACES_AND_PARTS, SHARED = frozenset(LISTS["places_and_parts"]), frozenset(LISTS["shared"])
WHOLE, NARROW = frozenset(LISTS["whole"]), frozenset(LISTS["narrow"])
UNMARKED, OF_BUILDINGS = frozenset(LISTS["unmarked"]), frozenset(LISTS["of_buildings"])
SAME, COVERED_BY, ALIASES, SENSES = (LISTS[name] for name in ("same", "covered_by", "aliases", "senses"))


@dataclass(frozen=True)
class Described:
    """A training photo: the tar that holds it, what is said of it, and whether all that is in it may be said.

    words: word -> share of captions that mention it. complete: several captions describe the photo, so that what
    none mentions is likely not there; a title names one thing and is silent about all others.
    """

    tar: Path
    file: str
    words: dict[str, float]
    complete: bool
    is_held_back: bool


class Reader:
    """Finds nouns in sentences. nouns: WordNet."""

    def __init__(self, nouns: Nouns) -> None:
        self.nouns = nouns

    def words(self, sentence: str) -> set[str]:
        """The things that a sentence mentions, singular; phrases of up to three words whole."""
        tokens, found, at = re.findall(r"[a-z]+", sentence.lower()), set(), 0
        while at < len(tokens):
            for length in range(LONGEST_PHRASE, 0, -1):
                phrase = " ".join(tokens[at : at + length])
                noun = self.nouns.singular(phrase) if phrase not in NOT_THINGS else None
                if noun and len(noun) > 2 and noun not in NOT_THINGS and self.nouns.is_visible(noun):
                    found.add(SAME.get(noun, noun))
                    at += length
                    break
            else:
                at += 1
        return found

    def shares(self, sentences: list[str]) -> dict[str, float]:
        """Of each thing, the share of the sentences that mention it."""
        counts = Counter(word for sentence in sentences for word in self.words(sentence))
        return {word: count / len(sentences) for word, count in counts.items()}


def described_photos(captions: Path, train: Path, nouns: Nouns) -> list[Described]:
    """The captioned photos, then the titled ones, in the order of their manifests."""
    reader, out = Reader(nouns), []
    with (captions / "manifest.tsv").open(newline="", encoding="utf-8") as table:
        for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE):
            sentences = [said for said in row["caption"].split(" | ") if said]
            shares = reader.shares(sentences)
            title = reader.shares([row["title"]]) if row["title"] else {}
            held_back = zlib.crc32(row["file"].encode()) % HELD_BACK == 0
            complete = len(sentences) >= SEVERAL_SAY
            words = shares if complete else {**dict.fromkeys(shares, 1.0), **title}
            out.append(Described(captions / row["tar"], row["file"], words, complete, held_back))
    for photo in titled_photos(train):
        words = {photo.word: 1.0} if photo.word else {}
        out.append(Described(train / photo.tar, photo.file, words, False, photo.held_out))
    return out


def vocabulary(photos: list[Described], scenes: Iterable[Scene]) -> list[str]:
    """The words that enough photos mention, or enough scenes list, the most frequent first."""
    counts, listed = Counter[str](), Counter[str]()
    for photo in photos:
        counts.update(photo.words)
    for scene in scenes:
        listed.update({SAME.get(word, word) for word in scene.sure} - NOT_THINGS)
    enough = {word for found in (counts, listed) for word, count in found.items() if count >= LEAST}
    return [word for word, _ in (counts + listed).most_common() if word in enough]


def targets(photos: list[Described], words: list[str], nouns: Nouns) -> np.ndarray:
    """(N, W) float32 in [0, 1]: how surely each word, or a kind of it, is in each photo."""
    column = {word: i for i, word in enumerate(words)}
    above: dict[str, list[int]] = {}
    out = np.zeros((len(photos), len(words)), np.float32)
    for i, photo in enumerate(photos):
        for word, share in photo.words.items():
            if word not in above:
                above[word] = covering(word, column, nouns)
            for j in above[word]:
                out[i, j] = max(out[i, j], share)
    return out


def covering(word: str, column: dict[str, int], nouns: Nouns) -> list[int]:
    """The columns of a word and of all words whose usual sense covers its own."""
    found: set[int] = set()
    waiting = [word]
    while waiting:
        current = waiting.pop()
        synsets = set().union(*(nouns.above(sense) for sense in meant(current, nouns)[:1]))
        kinds = (other for other in column if set(meant(other, nouns)[:1]) & synsets)
        found |= {column[other] for other in kinds if other not in NARROW}
        found |= {column[current]} if current in column else set()
        waiting += [COVERED_BY[current]] if current in COVERED_BY else []
    return sorted(found)


def meant(word: str, nouns: Nouns) -> list[str]:
    """The synsets that people mean by a word, the usual one first."""
    sense = SENSES.get(word, {"noun": word, "senses": [0]})
    offsets = nouns.senses.get(sense["noun"], [])
    return [offsets[i] for i in sense["senses"] if i < len(offsets)]


def synonyms(word: str, nouns: Nouns) -> list[str]:
    """What else a word is called: of its usual sense in WordNet, those that mostly mean this; and ours."""
    sense = (meant(word, nouns) or [""])[0]
    same = [other for other in nouns.synonyms.get(sense, []) if nouns.senses.get(other, [""])[0] == sense]
    ours = [other for other, own in SAME.items() if own == word] + ALIASES.get(word, [])
    return [other for other in dict.fromkeys([*ours, *same]) if other not in {word, *NOT_SYNONYMS}]


def covered_classes(words: list[str], nouns: Nouns) -> np.ndarray:
    """(W, 1000) bool: which ImageNet classes are kinds of each word, in the sense that is meant."""
    info = ImageNetInfo("imagenet-1k")
    above = [nouns.above(info.index_to_label_name(i)[1:]) for i in range(CLASSES)]
    out = np.zeros((len(words), CLASSES), bool)
    for i, word in enumerate(words):
        synsets = set(meant(word, nouns))
        out[i] = [bool(synsets & kinds) for kinds in above]
    return out


def exclusive(words: list[str], nouns: Nouns) -> np.ndarray:
    """(W, W) bool: pairs of words of which a pixel has at most one, such as dog and grass.

    A place, a part, what is worn, and all that has a kind in common (man and boy are persons) may share a pixel.
    """
    column = {word: i for i, word in enumerate(words)}
    shared = np.array([_is_shared(word, nouns) for word in words])
    own = np.eye(len(words), dtype=bool)
    for i, word in enumerate(words):
        own[i, covering(word, column, nouns)] = True
    related = (own.astype(int) @ own.T.astype(int)) > 0
    return ~(shared[:, None] | shared[None] | related)


def _is_shared(word: str, nouns: Nouns) -> bool:
    return word not in WHOLE and (word in SHARED or bool(_above(word, nouns) & PLACES_AND_PARTS))


def _above(word: str, nouns: Nouns) -> set[str]:
    synsets = set().union(*(nouns.above(sense) for sense in meant(word, nouns)[:1]))
    return {lemma for synset in synsets for lemma in nouns.synonyms[synset]}
