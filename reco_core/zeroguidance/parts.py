"""Into how many parts photos may be cut."""

from reco_core.errors import OptionError

MOST_PARTS = 20  # of a photo at the finest
PARTS = 8  # by default


def check_parts(parts: int) -> None:
    """Raise OptionError unless a photo can be cut into so many parts."""
    if not 1 <= parts <= MOST_PARTS:
        raise OptionError("the number of parts is out of range", given=parts, expected=f"1 to {MOST_PARTS}")
