"""What is asked of a photo, and the link that asks it again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from reco_core.export import FOUND_FROM
from reco_core.methods import BACKGROUND_WORDS, CONTEXT_WORDS, METHODS, Method, with_titles
from reco_core.presets import PRESETS, Preset, find_preset, usual_method
from reco_core.segmentation import crf
from reco_core.utils.names import MAX_TEXT

FOUND_LEAST, FOUND_MOST = 0.05, 0.95  # of a presence from which something is found
METHODS_OFFERED = ("reco2_crf", "reco2", "reco", "denseclip", "reco_crf")


@dataclass(frozen=True)
class SegmentRequest:
    """What is asked, as the controls, the API and links give it.

    photo: path of the uploaded file. names, background, context: words with commas between. preset: "" is the
    server's first. titles: whether photos count that are called so. found_from: presence below it is not found.
    """

    photo: str | None
    names: str
    method: str
    k: int
    background: str
    context: str
    preset: str
    titles: bool = True
    found_from: float = FOUND_FROM

    @property
    def full_method(self) -> str:
        """As the library calls it."""
        return with_titles(self.method) if self.titles else self.method


def offered() -> list[Method]:
    """The methods that can be chosen on this server."""
    return [METHODS[name] for name in METHODS_OFFERED if METHODS[name].refine != "crf" or not crf.unavailable()]


def usual(preset: Preset, names: str = "") -> SegmentRequest:
    """What is asked when nothing is said."""
    words = ", ".join(BACKGROUND_WORDS), ", ".join(CONTEXT_WORDS)
    return SegmentRequest(None, names, usual_method(preset), preset.k, *words, preset.name)


def link(asked: SegmentRequest, first: Preset, example: str = "") -> str:
    """An address's query that asks the same: names, the example if it is one, and what differs from the usual.

    first: the server's own preset.
    """
    preset = find_preset(asked.preset) if asked.preset else first
    normal = usual(preset)
    said: dict[str, Any] = {"names": asked.names}
    if example:
        said["example"] = example
    if preset.name != first.name:
        said["preset"] = preset.name
    for field in ("method", "k", "background", "context", "titles", "found_from"):
        if (value := getattr(asked, field)) != getattr(normal, field):
            said[field] = int(value) if isinstance(value, bool) else value
    return "?" + urlencode(said)


def read_link(query: Mapping[str, str], first: Preset, most_k: int) -> SegmentRequest | None:
    """What a query asks, without a photo; None if it asks nothing. What is no sensible value is left as usual."""
    if not {"names", "example", "method"} & set(query):
        return None
    given = {key: value[:MAX_TEXT] for key, value in query.items()}
    normal = usual(PRESETS.get(given.get("preset", ""), first), given.get("names", ""))
    method = given.get("method", "")
    titles = (given.get("titles", "1") != "0" and "+titles" not in method) or "+titles" in method
    method = method.removesuffix("+titles")
    return SegmentRequest(
        photo=None,
        names=normal.names,
        method=method if method in {one.name for one in offered()} else normal.method,
        k=int(_number(given.get("k"), normal.k, 1, most_k)),
        background=given.get("background", normal.background),
        context=given.get("context", normal.context),
        preset=normal.preset,
        titles=titles,
        found_from=_number(given.get("found_from"), normal.found_from, FOUND_LEAST, FOUND_MOST),
    )


def _number(text: str | None, usual: float, least: float, most: float) -> float:
    try:
        return min(most, max(least, float(text))) if text is not None else usual
    except ValueError:
        return usual
