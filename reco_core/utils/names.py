"""From what people type, or a data set calls its classes, to clean names."""

import re
import unicodedata
from collections.abc import Iterable

from reco_core.errors import NamesError, shorten

MAX_NAMES = 50
MAX_LENGTH = 80
MAX_TEXT = 8000
EXAMPLE = 'Type a few names with commas between them, such as "cat, wall"'
# A dot separates ("cat . dog.", "cat.dog"), but not in "St. Bernard", "U.S. flag" and "0.5 l".
ABBREVIATED = r"(?<!\b[A-Za-z])(?<!\b(?:[SM]t|[MDSJ]r|Ms|No|st|mt|dr|no|vs))(?<!\b[Mm]rs)"
SEPARATOR = re.compile(
    rf"[,;|\n\r\x85\u2028\u2029、،。]|{ABBREVIATED}\.+(?=\s|$)|(?<=[^\W\d_]{{3}})\.(?=[^\W\d_]{{3}})"
)
LIST_MARK = re.compile(r"^[^\S\n]*(?:[-*•·–]|\d+[.)])[^\S\n]+", re.MULTILINE)  # "- cat", "1. cat"
QUOTES = (('"', '"'), ("“", "”"), ("„", "“"), ("„", "”"), ("«", "»"), ("»", "«"), ("‘", "’"), ("'", "'"))
QUOTED = re.compile(
    rf"\s*(?:{'|'.join(f'{a}(.{{1,{MAX_LENGTH}}}?){z}' for a, z in QUOTES)})\s*(?={SEPARATOR.pattern}|$)"
)
VARIANTS = re.compile(
    "[\u034f\u115f\u1160\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)  # invisible, though no format characters
SKIN = re.compile("[\U0001f3fb-\U0001f3ff\u20e3]")


def parse_names(text: str, most: int = MAX_NAMES) -> tuple[str, ...]:
    """Split typed names at commas, semicolons, bars, line ends and the dots between words; tidy; drop repeats.

    What stands in quotes is one name. Two names that differ only in case are one; the first spelling and the typed
    order stay. `most` of them at most.

    Raises:
        NamesError: no name, too many, one too long, or one without any letter or digit.
    """
    return clean_names([name for name, _ in _split(text)], most)


def quoted_names(text: str) -> frozenset[str]:
    """The typed names that stand in quotes, casefolded: they are meant exactly as they are."""
    return frozenset(_tidy(name).casefold() for name, quoted in _split(text) if quoted)


def join_names(names: Iterable[str]) -> str:
    """Clean names as `parse_names` reads them: with commas between, and in quotes what would not be one name."""
    return ", ".join(name if [part for part, _ in _split(name)] == [name] else f'"{name}"' for name in names)


def clean_names(names: str | Iterable[str], most: int = MAX_NAMES) -> tuple[str, ...]:
    """The same rules for names that are already separate, or for a text with several; `most` of them at most."""
    if isinstance(names, str):
        return parse_names(names, most)
    if not isinstance(names, Iterable) or isinstance(names, bytes):
        raise NamesError("these are no names", given=repr(names), expected='a list of texts, such as ["cat", "wall"]')
    unique: dict[str, str] = {}
    for name in (names := list(names)):
        if not isinstance(name, str):
            raise NamesError("a name is no text", given=repr(name), expected='texts, such as ["cat", "wall"]')
        tidy = _tidy(name)
        if tidy:
            unique.setdefault(tidy.casefold(), tidy)
        elif any(unicodedata.category(c) == "So" for c in name):
            raise NamesError("a name has no letters", given=repr(shorten(name, 40)), expected="a word", remedy=EXAMPLE)
    if not unique:
        said = " ".join(names).strip()
        raise NamesError("no names were given", given=repr(shorten(said, 40)) if said else None, remedy=EXAMPLE)
    if len(unique) > most:
        raise NamesError(
            "too many names", given=len(unique), expected=f"at most {most}", remedy="Ask for fewer at a time"
        )
    for name in unique.values():
        if len(name) > MAX_LENGTH:
            raise NamesError(
                "a name is too long",
                given=f"{shorten(name, 40)!r}",
                expected=f"at most {MAX_LENGTH} characters",
                remedy="Separate names with commas",
            )
        if not any(c.isalnum() for c in name):
            raise NamesError("a name has no letters", given=repr(name), expected="a word", remedy=EXAMPLE)
    return tuple(unique.values())


def _split(text: str) -> list[tuple[str, bool]]:
    """Typed names in order, and whether each stood in quotes. Raises NamesError if the text is too long."""
    if len(text) > MAX_TEXT:
        raise NamesError(
            "the text is too long", given=f"{len(text)} characters", expected=f"at most {MAX_TEXT}", remedy=EXAMPLE
        )
    text, parts, at = LIST_MARK.sub("", unicodedata.normalize("NFKC", text)), [], 0
    while at < len(text):
        quoted, separator = QUOTED.match(text, at), SEPARATOR.search(text, at)
        if quoted:
            parts.append((quoted[quoted.lastindex or 0], True))
            separator = SEPARATOR.match(text, quoted.end())
        else:
            parts.append((text[at : separator.start() if separator else None].strip().lstrip('"“„«'), False))
        at = separator.end() if separator else len(text)
    return parts


def _tidy(name: str) -> str:
    """Letters in their usual width and form, one space between words; no emoji, nothing invisible."""
    folded = VARIANTS.sub("", unicodedata.normalize("NFKC", name))
    seen = "".join(c for c in folded if unicodedata.category(c) != "Cf")
    kept = "".join(c if c.isprintable() and unicodedata.category(c) != "So" else " " for c in SKIN.sub(" ", seen))
    return " ".join(kept.split())


def names_in(text: str) -> tuple[str, ...]:
    """Names with commas between them, on any number of lines."""
    return tuple(" ".join(name.split()) for name in text.split(","))


def category_words(category: str) -> str:
    """A data set's category name as the plain words a user would type.

    Rules, in order: underscores are spaces; the parts "-merged", "-other" and "-stuff" say nothing
    and go; what is left of "noun-kind" is read "kind noun" ("wall-brick" -> "brick wall").
    """
    parts = category.strip().replace("_", " ").split("-")
    kept = [part for part in parts[1:] if part not in ("merged", "other", "stuff")]
    return " ".join([*reversed(kept), parts[0]])
