"""Names to choose from while one is typed."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from heapq import nsmallest
from itertools import chain, islice
from typing import TYPE_CHECKING

from reco_core.utils.known_words import SHORTEST, slips, usual_names
from reco_core.utils.words import WORD, folded

if TYPE_CHECKING:
    from reco_core.archives.archive import Archive

MOST = 8
LONGEST = 40  # letters of what is typed, for which slips are tried: their number grows with it
TITLE_WORDS = 3  # of a title that may be a thing's name; longer ones are captions
TITLES_READ = 100_000  # of a large archive: a second
AFTER_ALL = "\U0010ffff"


class SuggestedNames:
    """Names by how they begin, or how any word of them does. Case, accents and punctuation do not matter."""

    def __init__(self, names: Iterable[str]) -> None:
        """names: the more usual first; of names that read the same, the first is taken."""
        spelling: dict[str, str] = {}
        for name in names:
            spelling.setdefault(_key(name), name)
        spelling.pop("", None)
        self._names, self._keys = [*spelling.values()], [*spelling]
        begins = sorted((key[at:], at > 0, rank) for rank, key in enumerate(self._keys) for at in _words_at(key))
        self._begins = [begin for begin, _, _ in begins]
        self._order = [(inside, rank) for _, inside, rank in begins]  # names' own beginnings first, then the more usual

    def __len__(self) -> int:
        return len(self._names)

    def find(self, typed: str, own: Collection[str] = (), without: Collection[str] = (), most: int = MOST) -> list[str]:
        """At most `most` names of which a word begins as typed; if there are none, of which one nearly does.

        own: the user's names, which come first. without: names that are chosen already.
        """
        key, chosen = _key(typed), {_key(name) for name in without}
        if not key:
            return []
        mine = SuggestedNames(own)
        for costs in ({key: 0}, _near(key)):
            found: dict[str, str] = {}
            for name in chain.from_iterable(names._best(costs, most + len(chosen)) for names in (mine, self)):
                found.setdefault(_key(name), name)
            if found:
                return [name for key, name in found.items() if key not in chosen][:most]
        return []

    def _best(self, beginnings: dict[str, int], most: int) -> list[str]:
        """Names that begin so: what was typed wholly first, then by the beginnings' costs, then by `_order`."""
        found: dict[int, tuple[bool, int, bool, int]] = {}
        for begin, cost in beginnings.items():
            first, last = bisect_left(self._begins, begin), bisect_left(self._begins, begin + AFTER_ALL)
            for inside, rank in self._order[first:last]:
                place = (self._keys[rank] != begin, cost, inside, rank)
                found[rank] = min(place, found.get(rank, place))
        return [self._names[place[3]] for place in nsmallest(most, found.values())]


def suggested_names(archive: Archive | None = None) -> SuggestedNames:
    """Of the names that the lists know, and what photos of an archive are called, the more frequent first."""
    titles: Counter[str] = Counter()
    if archive is not None:
        read = islice(chain.from_iterable(part.records.titles() for part in archive.parts), TITLES_READ)
        titles.update(title.strip() for title in read if len(title.split()) <= TITLE_WORDS)
    return SuggestedNames([*usual_names(), *(title for title, _ in titles.most_common())])


def _key(name: str) -> str:
    """A name as it is compared; "" if it has no letters."""
    return " ".join(WORD.findall(folded(name)))


def _words_at(key: str) -> Iterator[int]:
    """Where the words of a key begin."""
    yield 0
    yield from (at + 1 for at, letter in enumerate(key) if letter == " ")


def _near(key: str) -> dict[str, int]:
    """The beginnings that are one slip away, and how unlikely the slip is."""
    return slips(key) if SHORTEST <= len(key) <= LONGEST else {}
