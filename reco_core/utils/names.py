"""From what people type, or a data set calls its classes, to clean names."""

import re
import unicodedata

from reco_core.errors import NamesError, shorten

MAX_NAMES = 50
MAX_LENGTH = 80
MAX_TEXT = 8000
EXAMPLE = 'Type a few names with commas between them, such as "cat, wall"'


def parse_names(text: str, most: int = MAX_NAMES) -> tuple[str, ...]:
    """Split typed names at commas, semicolons and line ends; tidy spaces; drop repeats.

    Two names that differ only in case are one; the first spelling and the typed order stay. `most` of them at most.

    Raises:
        NamesError: no name, too many, one too long, or one without any letter or digit.
    """
    if len(text) > MAX_TEXT:
        raise NamesError(
            "the text is too long", given=f"{len(text)} characters", expected=f"at most {MAX_TEXT}", remedy=EXAMPLE
        )
    return clean_names(re.split(r"[,;\n\r，、،]", text), most)


def clean_names(names: list[str] | tuple[str, ...], most: int = MAX_NAMES) -> tuple[str, ...]:
    """The same rules for names that are already separate; `most` of them at most."""
    unique: dict[str, str] = {}
    for name in names:
        printable = "".join(c if c.isprintable() else " " for c in unicodedata.normalize("NFC", name))
        tidy = " ".join(printable.split())
        if tidy:
            unique.setdefault(tidy.casefold(), tidy)
    if not unique:
        raise NamesError("no names were given", given=repr(shorten(" ".join(names), 40)), remedy=EXAMPLE)
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
