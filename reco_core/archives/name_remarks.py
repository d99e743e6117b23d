"""What is said of names while they are typed: misspelt, not understood, or not known."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from reco_core.archives.asked_names import read_name
from reco_core.errors import NamesError
from reco_core.utils.known_words import english_words, known_names
from reco_core.utils.names import MAX_LENGTH, clean_names
from reco_core.utils.words import WORD

if TYPE_CHECKING:
    from reco_core.archives.archive import Archive


GUESSED = "ReCo does not know {} and can only guess. Three photos teach it."


class NameRemark(NamedTuple):
    """A sentence about one name; "" if there is nothing to say. instead: names to take in its place.

    refused: `understand` would raise; in quotes the name is taken as it is, unless `lasting`.
    """

    text: str = ""
    instead: tuple[str, ...] = ()
    refused: bool = False
    lasting: bool = False


def remarks_on(names: Sequence[str], archive: Archive, own: Collection[str] = ()) -> tuple[NameRemark, ...]:
    """A remark for each name that was typed without quotes. own: the user's, of which there is nothing to say."""
    taught = {name.casefold() for name in own}
    return tuple(NameRemark() if name.casefold() in taught else _remark(name, archive) for name in names)


def _remark(name: str, archive: Archive) -> NameRemark:
    try:
        (name,) = clean_names([name])
    except NamesError:
        long = f"a name has at most {MAX_LENGTH} characters."
        text = long if len(name) > MAX_LENGTH else "no word. A name is a word or a few."
        return NameRemark(text, refused=True, lasting=True)
    read = read_name(name, archive)
    if read.negation:
        return NameRemark("what is not meant cannot be looked for. Type only what is.", refused=True)
    if read.meant:
        return NameRemark("not known. Did you mean", read.meant, refused=True)
    unknown = list(_unknown(read.noun, archive))
    alike = () if len(archive.called(name).rows) else known_names().alike(name)
    if unknown or alike:
        guessed = GUESSED.format(" and ".join(f'"{word}"' for word in unknown or [name]))
        return NameRemark(f"{guessed} Did you mean" if alike else guessed, alike)
    if read.said:
        return NameRemark(f'"{read.noun}" is looked for: {" and ".join(read.said)} are not understood.')
    return NameRemark()


def _unknown(name: str, archive: Archive) -> Iterator[str]:
    """The words that stand in no list and in no title."""
    for word in WORD.findall(name):
        listed = known_names().has(word) or word.casefold() in english_words() or word.isdigit()
        if not listed and not len(archive.called(word).rows):
            yield word
