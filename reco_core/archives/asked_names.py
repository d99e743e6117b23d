"""What a user asks for: the things to look for, what of the text is not understood, and words that are misspelt."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from reco_core.errors import NamesError
from reco_core.utils.known_words import known_names, misspelt
from reco_core.utils.names import MAX_NAMES, clean_names, quoted_names
from reco_core.utils.phrases import is_negation, read_phrase
from reco_core.utils.words import words_of

if TYPE_CHECKING:
    from reco_core.archives.archive import Archive


class AskedNames(NamedTuple):
    """names: what to look for. remarks: what was said beside it and is not understood, a sentence a name."""

    names: tuple[str, ...]
    remarks: tuple[str, ...] = ()


class Reading(NamedTuple):
    """What one name asks for. noun: the thing. said: of "numbers", "colours" and "places", what is not understood.

    negation: it says what is not meant, and is as it was. meant: if words are misspelt, what the thing may be, the
    likeliest first.
    """

    noun: str
    said: tuple[str, ...] = ()
    negation: bool = False
    meant: tuple[str, ...] = ()


def understand(
    names: str | Iterable[str], archive: Archive, own: Collection[str] = (), most: int = MAX_NAMES
) -> AskedNames:
    """Read typed names: "two red cars on the left" asks for "car", and colours, numbers and places are remarked upon.

    Names that stand in quotes, that are known, that the archive has as a title, or that are the user's `own` (taught)
    stay as they are; of other words that are one slip from a known one the user is asked.

    Raises:
        NamesError: see `clean_names`; a negation; or words that may be misspelt, with what may be meant.
    """
    exact = {name.casefold() for name in own} | (quoted_names(names) if isinstance(names, str) else frozenset())
    found, remarks = [], []
    for name in clean_names(names, most):
        read = Reading(name) if name.casefold() in exact else read_name(name, archive)
        _check(read)
        if read.said:
            remarks.append(f'"{name}": "{read.noun}" is looked for; {" and ".join(read.said)} are not understood')
        found.append(read.noun)
    return AskedNames(clean_names(found, most), tuple(remarks))


def read_name(name: str, archive: Archive) -> Reading:
    """What a clean name that does not stand in quotes asks for."""
    if known_names().whole(name):
        return Reading(name)
    noun, said = read_phrase(name, known_names().whole)
    negation, slips = is_negation(name), list(misspelt(noun))
    if not said and not negation and not slips:
        return Reading(noun)
    if _is_title(name, archive):  # asked last: titles of a large archive take a while to be read
        return Reading(name)
    if negation:
        return Reading(name, said, negation=True)
    slips = [(word, near) for word, near in slips if not len(archive.called(word).rows)]
    spelling = known_names().spelling(noun) if "numbers" in said and not slips else noun
    return Reading(spelling, said, meant=_meant(noun, slips))


def _check(read: Reading) -> None:
    """Raises NamesError if it must not be looked for as it is."""
    if read.negation:
        raise NamesError(
            "a negation is not understood",
            given=repr(read.noun),
            expected="what to look for",
            remedy='Type only names of things, such as "cat"',
        )
    if read.meant:
        either = " or ".join(f'"{one}"' for one in read.meant)
        raise NamesError(
            "a name is not known",
            given=repr(read.noun),
            remedy=f"Did you mean {either}? If it is right as it is, put it in double quotes",
        )


def _is_title(name: str, archive: Archive) -> bool:
    """Whether a photo is called exactly so."""
    rows = archive.called(name).rows
    return any(words_of(archive.records[row].title) == words_of(name) for row in rows.tolist())


def _meant(name: str, slips: Sequence[tuple[str, tuple[str, ...]]]) -> tuple[str, ...]:
    """What may be meant: one word each in all ways, or several words in the likeliest."""
    if not slips:
        return ()
    (word, near), *more = slips
    meant = [name.replace(word, other, 1) for other in near]
    for word, near in more:
        meant = [meant[0].replace(word, near[0], 1)]
    return tuple(meant)
