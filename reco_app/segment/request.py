"""What is asked of the Segment tab."""

from dataclasses import dataclass

from reco_core.methods import BACKGROUND_WORDS, CONTEXT_WORDS
from reco_core.utils.names import parse_names


@dataclass(frozen=True)
class SegmentRequest:
    """As the controls and the API give it.

    photo: path of the uploaded file. names, background, context: words with commas between. preset: "" is the
    server's first.
    """

    photo: str | None
    names: str
    method: str = "reco2"
    k: int = 20
    background: str = ", ".join(BACKGROUND_WORDS)
    context: str = ", ".join(CONTEXT_WORDS)
    preset: str = ""

    def wanted(self) -> tuple[str, ...]:
        """The names; raises NamesError if there are none."""
        return parse_names(self.names or "")

    def background_words(self) -> tuple[str, ...]:
        """Words that compete as background, perhaps none."""
        return _words(self.background)

    def context_words(self) -> tuple[str, ...]:
        """Words that are kept out of what a name is learned from, perhaps none."""
        return _words(self.context)


def _words(text: str) -> tuple[str, ...]:
    return parse_names(text) if text and text.strip() else ()
