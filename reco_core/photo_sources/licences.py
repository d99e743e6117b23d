"""Which licences let anyone use a photo, as far as their texts tell."""

import re

YES = "yes"  # what a source says of an openly licensed photo, in a record's `open_licence`
# "Creative Commons" alone says too little; Wikimedia Commons takes free licences only.
OPEN = re.compile(
    r"CC0|CC[ -]BY([ -]SA)?(?![a-z_]|-[a-z])|MIT\b|Apache|Public domain"
    r"|Creative Commons\W+(Attribution|BY\b|Zero|CC|Public|Wikimedia Commons)"
    r"|https?://creativecommons\.org/(licenses/by|publicdomain)",
    re.IGNORECASE,
)
RESERVED = re.compile(r"(?<![a-z])N[CD](SA|ND)?(?![a-z])|non-?\s?commercial|no-?\s?deriv", re.IGNORECASE)  # anywhere


def is_open(licence: str, stated: str = "") -> bool:
    """Whether a licence lets anyone use the photo, commercially too, and change it.

    licence: its name or address; what is not known for open is not. stated: what the source says itself, "yes" or
    "no", which goes before the text.
    """
    if stated:
        return stated == YES
    return bool(OPEN.match(licence.strip())) and not RESERVED.search(licence)
