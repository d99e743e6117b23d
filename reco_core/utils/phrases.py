"""What is said of a thing beside its name: negations, colours, places and numbers, which no method here understands."""

import re
from collections.abc import Callable

from reco_core.utils.names import names_in
from reco_core.utils.words import IRREGULAR

COLOURS = frozenset(
    names_in(
        "red, orange, yellow, green, blue, purple, pink, brown, black, white, grey, gray, golden, gold, silver, beige, "
        "turquoise, teal, cyan, magenta, maroon, navy, indigo, crimson, scarlet, tan, reddish, greenish, bluish, "
        "yellowish, brownish, whitish, blackish, greyish, multicoloured, multicolored, colourful, colorful"
    )
)
SHADES = frozenset(  # go with a colour, if one follows
    names_in("light, dark, bright, pale, deep, vivid, neon, shiny, big, large, small, little, tall, old, new")
)
JOINING = frozenset(names_in("and, or, &, coloured, colored, colour, color"))  # between colours, or after one
FRUIT = frozenset(names_in("slice, slices, peel, juice, tree, trees, wedge, wedges, zest, half, halves, blossom"))
NUMBERS = frozenset(
    names_in(
        "one, two, three, four, five, six, seven, eight, nine, ten, eleven, twelve, twenty, hundred, several, many, "
        "multiple, both, few"
    )
)
ORDINALS = frozenset(names_in("first, second, third, fourth, fifth, last"))
ARTICLES = frozenset(names_in("a, an, the, my, your, his, her, our, their, this, that, these, those, some, any, all"))
SAME = frozenset(names_in("sheep, fish, deer, moose, aircraft, bison, salmon, trout, cattle"))  # one or many
SIDES = frozenset(names_in("left, right, leftmost, rightmost, topmost, nearest, closest, farthest, furthest"))
ENDS = frozenset(names_in("top, bottom, upper, lower, front, back, far, near"))  # places only before "left", "right"
NO_THINGS = frozenset(names_in("drive, walk, plug, check, sign, lean, roll, slip, sit, stand, pop, clip, log, step"))
NEGATION = re.compile(
    r"^(?!no .+ (?:sign|symbol|zone)s?$)(?:not|no|non|never|without)\b(?!-)|\b(?:not|without|except|excluding)\s|n't\b|"
    r"^(?:everything|anything|all|nothing) but\b",
    re.IGNORECASE,
)
_AT = (
    r"next to|in front of|on top of|to|from|on|in|at|by|over|behind|under|underneath|beneath|near|beside|above|below|"
    r"between|inside|against|around"
)
_DOING = r"(?:\s+(?:sitting|standing|lying|laying|parked|hanging|walking|running|swimming|flying|placed|located))?"
PLACED = re.compile(  # a place with a word that says so: "on the left", "in front of the house", "at left"
    rf"(.+?){_DOING}\s+(?:{_AT})\s+(?:(?:the|a|an|my|your|his|her|this|that|each|its)\s.+|"
    r"(?:left|right|top|bottom|front|back|middle|centre|center|background|foreground)\b.*)",
    re.IGNORECASE,
)
BARE = re.compile(rf"(.+?){_DOING}\s+({_AT})\s+(.+)", re.IGNORECASE)  # "cat on sofa"
TRAILING = re.compile(r"(.+?)(?:\s+(?:top|bottom|upper|lower))?\s+(?:left|right)(?:\s+(?:side|corner|half))?", re.I)
COUNTED = re.compile(r"(?:a )?(?:couple of|few|lot of|lots of|number of)\s+(.+)|x?\d+x?\s+(.+)", re.IGNORECASE)

Known = Callable[[str], bool]


def is_negation(name: str) -> bool:
    """Whether a name says what is not meant: "not a cat", "no cat", "dog but not cat"; "no smoking sign" is a thing."""
    return bool(NEGATION.search(name))


def read_phrase(name: str, known: Known) -> tuple[str, tuple[str, ...]]:
    """The thing in "two red cars on the left", and what else was said: of "numbers", "colours" and "places".

    known: whether words are the whole name of a thing; such names ("red panda") stay whole, and so does a name from
    which nothing would be left ("red"). Articles go without a word.
    """
    said: list[str] = []
    noun = _at_a_place(name, known, said)
    while not known(noun):
        rest = _without_first(noun, known, said)
        if rest == noun:
            break
        noun = rest
    return noun, tuple(dict.fromkeys(said))


def _at_a_place(name: str, known: Known, said: list[str]) -> str:
    """Without what says where, or in which colour ("man in red"), at its end."""
    while not known(name):
        bare = BARE.fullmatch(name)
        found = PLACED.fullmatch(name) or TRAILING.fullmatch(name)
        if bare and bare[2].casefold() == "in" and bare[3].split()[0].casefold() in COLOURS:
            said.append("colours")
            name = bare[1]
        elif found and found[1].casefold() not in ARTICLES | ENDS:
            said.append("places")
            name = found[1]
        elif bare and bare[1].casefold() not in NO_THINGS and known(bare[3]) and known(read_phrase(bare[1], known)[0]):
            said.append("places")
            name = bare[1]
        else:
            break
    return name


def _without_first(name: str, known: Known, said: list[str]) -> str:
    """Without one word, or words that belong together, that the thing's name begins with; or as it is."""
    first, _, rest = name.partition(" ")
    word, second = first.casefold(), rest.partition(" ")[0].casefold()
    left = name
    if not rest or any(known(part) for part in _beginnings(name)):
        return name
    if word in ARTICLES and not COUNTED.fullmatch(name):
        return rest
    if word in SIDES or (word in ENDS and second in SIDES):
        left, kind = rest, "places"
    elif _coloured(word) or (word in SHADES and _coloured(second)):
        left, kind = _uncoloured(name, known), "colours"
    else:
        left, kind = _uncounted(name, known), "numbers"
    if left != name:
        said.append(kind)
    return left


def _uncounted(name: str, known: Known) -> str:
    """Without a number, if what follows are things; "two piece swimsuit" and "first aid kit" are as they are."""
    first, _, rest = name.partition(" ")
    counted = COUNTED.fullmatch(name)
    things = next(filter(None, counted.groups())) if counted else rest
    ordinal = first.casefold() in ORDINALS
    if not (counted or ordinal or first.casefold() in NUMBERS):
        return name
    thing = read_phrase(things, known)[0]
    return things if known(thing) or (_several(thing) and not ordinal) else name


def _uncoloured(name: str, known: Known) -> str:
    """Without a colour or a shade, and what joins it to the next; "orange slice", "Golden Gate" are as they are."""
    first, *rest = name.split()
    named = first[0].isupper() and rest[0][0].isupper() and not known(" ".join(rest))
    if named or (first.casefold() == "orange" and rest[0].casefold() in FRUIT):
        return name
    while len(rest) > 1 and rest[0].casefold() in JOINING:
        rest = rest[1:]
    return " ".join(rest)


def _coloured(word: str) -> bool:
    """Whether a word is a colour, or several: "red", "black-and-white", "dark-blue", "red-coloured"."""
    parts = word.split("-")
    return any(part in COLOURS for part in parts) and all(p in COLOURS | SHADES | JOINING for p in parts)


def _beginnings(name: str) -> list[str]:
    """The beginnings of a name that have several words, but not all: "black bear" of "black bear cub"."""
    words = name.split()
    return [" ".join(words[:end]) for end in range(2, len(words))]


def _several(thing: str) -> bool:
    last = thing.rpartition(" ")[2].casefold()
    return last in IRREGULAR or last in SAME or (last.endswith("s") and not last.endswith(("ss", "us")))
