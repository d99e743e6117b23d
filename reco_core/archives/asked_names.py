"""What a user asks for: the things to look for, what of the text is not understood, and words that are misspelt."""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from reco_core.archives.archive import Archive
from reco_core.errors import NamesError
from reco_core.utils.known_words import known_names, misspelt
from reco_core.utils.names import MAX_NAMES, clean_names, quoted_names
from reco_core.utils.phrases import is_negation, read_phrase
from reco_core.utils.words import words_of


class AskedNames(NamedTuple):
    """names: what to look for. remarks: what was said beside it and is not understood, a sentence a name."""

    names: tuple[str, ...]
    remarks: tuple[str, ...] = ()


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
        noun, said = name, tuple[str, ...]()
        if name.casefold() not in exact and not known_names().whole(name):
            noun, said = _read(name, archive)
        if said:
            remarks.append(f'"{name}": "{noun}" is looked for; {" and ".join(said)} are not understood')
        found.append(noun)
    return AskedNames(clean_names(found, most), tuple(remarks))


def _read(name: str, archive: Archive) -> tuple[str, tuple[str, ...]]:
    """The thing in a name, and what else was said; raises NamesError."""
    noun, said = read_phrase(name, known_names().whole)
    negation, slips = is_negation(name), list(misspelt(noun))
    if not said and not negation and not slips:
        return noun, said
    if _is_title(name, archive):  # asked last: titles of a large archive take a while to be read
        return name, ()
    if negation:
        raise NamesError(
            "a negation is not understood",
            given=repr(name),
            expected="what to look for",
            remedy='Type only names of things, such as "cat"',
        )
    if slips := [(word, near) for word, near in slips if not len(archive.called(word).rows)]:
        raise NamesError(
            "a name is not known",
            given=repr(noun),
            remedy=f"Did you mean {_either(noun, slips)}? If it is right as it is, put it in double quotes",
        )
    return (known_names().spelling(noun) if "numbers" in said else noun), said


def _is_title(name: str, archive: Archive) -> bool:
    """Whether a photo is called exactly so."""
    rows = archive.called(name).rows
    return any(words_of(archive.records[row].title) == words_of(name) for row in rows.tolist())


def _either(name: str, slips: list[tuple[str, tuple[str, ...]]]) -> str:
    """What may be meant: one word each in all ways, or several words in the likeliest."""
    (word, near), *more = slips
    meant = [name.replace(word, other, 1) for other in near]
    for word, near in more:
        meant = [meant[0].replace(word, near[0], 1)]
    return " or ".join(f'"{one}"' for one in meant)
