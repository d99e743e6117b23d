"""Photos by their titles: which are called so, word for word, and which of them say it most plainly."""

import logging
import re
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
from bm25s import BM25

from reco_core.utils.names import names_in
from reco_core.utils.words import WORD, folded, singular, words_of

BLOCK = 4096  # titles that are read together
MOST = 5000  # titles that are compared: the shortest, if the name stands in more
TOKEN = re.compile(f"\n|{WORD.pattern}")
AFTER = names_in(  # what may follow a thing's name in a caption; else "sea horse" would be called "sea"
    "on, in, at, with, and, or, of, by, near, under, over, behind, beside, between, above, below, against, for, from, "
    "to, into, onto, next, that, which, is, are, was, were, has, while, as"
)
logging.getLogger("bm25s").setLevel(logging.NOTSET)  # it chose DEBUG for itself; the program's level is to count


class Called(NamedTuple):
    """Photos with a name in their titles: rows (n,), BM25 scores (n,), and whether it is the thing's whole name (n,).

    "sea" is in the title "sea horse", which is no sea, but the titles "sea" and "sea at night" are plain.
    """

    rows: np.ndarray
    scores: np.ndarray
    plain: np.ndarray

    def take(self, kept: np.ndarray | slice) -> "Called":
        """Some of them."""
        return Called(self.rows[kept], self.scores[kept], self.plain[kept])


class Titles(NamedTuple):
    """Of n titles: rows, plain as in `Called`; how often the words of a name stand in them (n, words); lengths (n,)."""

    rows: np.ndarray
    plain: np.ndarray
    counts: np.ndarray
    lengths: np.ndarray


class TitleIndex:
    """Photos' titles as numbers of words with a 0 after each title: 4 bytes a word, 8 a title, and each word once."""

    def __init__(self, titles: Iterable[str]) -> None:
        numbers, keys = dict[str, int]({"\n": 0}), dict[str, int]()
        blocks, rest = [np.zeros(0, np.int32)], iter(titles)
        while block := list(islice(rest, BLOCK)):
            tokens = TOKEN.findall(folded("".join(f"{' '.join(title.split())}\n" for title in block)))
            for token in tokens:
                if token not in numbers:
                    numbers[token] = keys.setdefault(singular(token), len(keys) + 1)
            blocks.append(np.fromiter((numbers[token] for token in tokens), np.int32, len(tokens)))
        self._numbers = keys
        self._text = np.concatenate(blocks)
        self._ends = np.flatnonzero(self._text == 0)
        self._after = np.array([0, *(keys[word] for word in map(singular, AFTER) if word in keys)])

    def __len__(self) -> int:
        return len(self._ends)

    def find(self, words: Sequence[str]) -> Titles:
        """The titles in which these words (`words_of` a name) stand one after the other, in the order of rows."""
        numbers = [self._numbers.get(word, -1) for word in words]
        at = np.flatnonzero(self._text[: max(0, len(self._text) - len(words))] == numbers[0])
        for i, number in enumerate(numbers[1:], 1):
            at = at[self._text[at + i] == number]
        rows, first = np.unique(self._title_of(at), return_index=True)
        plain = np.isin(self._text[at + len(words)], self._after)
        counts = [self._count(number)[rows] for number in dict.fromkeys(numbers)] if len(rows) else [rows]
        begins = np.where(rows > 0, self._ends[rows - 1] + 1, 0)
        plain = np.maximum.reduceat(plain, first) if len(rows) else plain
        return Titles(rows, plain, np.stack(counts, 1), self._ends[rows] - begins)

    def _title_of(self, places: np.ndarray) -> np.ndarray:
        return np.searchsorted(self._ends, places)

    def _count(self, number: int) -> np.ndarray:
        """How often a word stands in each title (N,)."""
        return np.bincount(self._title_of(np.flatnonzero(self._text == number)), minlength=len(self))


def search_titles(indexes: Sequence[TitleIndex], name: str) -> Called:
    """The photos that are called so: the whole name stands in their title, whatever the case, accents and plural.

    Best first, by BM25 among these titles, to which the shorter of two says more; rows count over all indexes.
    """
    words = words_of(name)
    starts = np.cumsum([0, *map(len, indexes)])[:-1]
    found = zip(starts, (index.find(words) for index in indexes), strict=True) if words else ()
    parts = [part._replace(rows=part.rows + start) for start, part in found if len(part.rows)]
    if not parts:
        return Called(np.zeros(0, int), np.zeros(0, np.float32), np.zeros(0, bool))
    rows, plain, counts, lengths = map(np.concatenate, zip(*parts, strict=True))
    shortest = np.argsort(lengths, kind="stable")[:MOST]
    called = Called(rows[shortest], _bm25(counts[shortest], lengths[shortest]), plain[shortest])
    return called.take(np.lexsort((called.rows, -called.scores)))


def _bm25(counts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Scores (n,) of titles in which the words of a name stand `counts` (n, words) times; all else is one word more."""
    words = counts.shape[1]
    numbers = np.arange(words + 1)
    others = lengths - counts.sum(1)
    titles = [np.repeat(numbers, (*count, other)).tolist() for count, other in zip(counts, others, strict=True)]
    ranking = BM25()
    ranking.index((titles, {str(i): i for i in range(words + 1)}), create_empty_token=False, show_progress=False)
    return ranking.get_scores_from_ids(list(range(words)))
