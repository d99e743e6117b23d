"""Methods: named ways through the pipeline, every part a switch; all their defaults, as data."""

import re
from dataclasses import dataclass, field, fields, replace
from typing import Any

from reco_core.errors import find
from reco_core.utils.names import names_in

CONTEXT_WORDS = ("tree", "sky", "building", "road", "person")  # the paper's, in the paper's order
BACKGROUND_WORDS = names_in(
    "wall, floor, ceiling, window, door, curtain, table, sky, tree, grass, road, building, fence, water, sea, sand, "
    "snow, mountain, rock, soil"
)
SURROUNDINGS = frozenset({*BACKGROUND_WORDS, *CONTEXT_WORDS} - {"person"})  # of `Scoring.expect_background`


@dataclass(frozen=True)
class Learning:
    """How a concept's reference is learned from its exemplars. The defaults are the paper's.

    language_guidance, context_elimination: LGC and CE.
    calibrate: guidance counts in standard deviations from what the archive's photos usually give for that name:
        some names are near to everything.
    weigh_seeds: a seed must itself look like the concept, not only be seconded by others.
    spare_context: context elimination leaves out words that mean nearly the same as the concept.
    titles: photos are found by their titles too, and a name that the models do not know is learned from the photos that
        are called so. Benchmarks must not use it: titles are labels in effect.
    """

    language_guidance: bool = True
    context_elimination: bool = True
    calibrate: bool = False
    weigh_seeds: bool = False
    spare_context: bool = False
    titles: bool = False

    @property
    def changed(self) -> tuple[str, ...]:
        """The switches that differ from the paper's, by name: a key that a switch added later does not change."""
        return tuple(sorted(f.name for f in fields(self) if getattr(self, f.name) != f.default))


@dataclass(frozen=True)
class Scoring:
    """How a photo is scored: by which of `segmentation.scorers.SCORERS`, and with which of its parts.

    reference, language: which factors enter; reco has only the second as a switch.
    The others belong to reco2:
    calibrate: language maps count in standard deviations, as in `Learning`.
    affinity: maps are smoothed by the co-segmentation features.
    gate: each concept starts from the odds that it is in the photo at all.
    expect_background: with gate, background words are taken to be there; some of them are in nearly every photo.
    words: words that the model was taught are found by what it was taught, not by what the archive shows of them.
    others: what it was taught beside what was asked for competes too, as background.
    """

    scorer: str = "reco"
    reference: bool = True
    language: bool = True
    calibrate: bool = True
    affinity: bool = True
    gate: bool = True
    expect_background: bool = True
    words: bool = True
    others: bool = True


@dataclass(frozen=True)
class Method:
    """A named way through the pipeline.

    refine: how labels are drawn along the photo's edges: not at all, by "crf" (the paper's, which needs a library) or
        by "fast_crf" (ours, `segmentation.refinement`).
    """

    name: str
    summary: str
    learning: Learning = field(default_factory=Learning)
    scoring: Scoring = field(default_factory=Scoring)
    refine: str = ""


@dataclass(frozen=True)
class Temperatures:
    """reco2's constants; docs/reco2.md says how each was chosen, and which with labelled sets in view.

    affinity_gain, affinity_shift: of `score_maps.affinity`. reference, language: softmax temperatures
    of cosines; language_z: of calibrated language, in standard deviations. evidence: of the log-odds
    that a concept is in the photo, which count up to `certain` (95 %), so that one obvious thing does not
    take what lies around it, and from `expected` (73 %) for background words.
    Of models that were taught words: word_everywhere: how much of a word's mean log-odds over the photo is taken from
    those at a position, word_filling: how much if the mean is positive; word_in_photo: what its log-odds in the photo
    count beside them; word_reference, word_language: what references and language still count; unknown: what other
    names are given, whose log-probabilities lie below log-odds; others: what words that nobody asked for are behind.
    """

    affinity_gain: float = 8.0
    affinity_shift: float = 1.0
    reference: float = 0.1
    language: float = 0.05
    language_z: float = 1.0
    evidence: float = 1.0
    certain: float = 3.0
    expected: float = 1.0
    word_everywhere: float = 0.5
    word_filling: float = 1.4
    word_in_photo: float = 0.5
    word_reference: float = 0.4
    word_language: float = 0.5
    unknown: float = 4.5
    others: float = 0.5


_OURS = Learning(calibrate=True, weigh_seeds=True, spare_context=True)
_RECO2 = "ours: names are calibrated and compete, maps are smoothed, absent things lose weight"
METHODS = {
    method.name: method
    for method in (
        Method("reco", "the paper's ReCo, exactly"),
        Method("reco_no_lgc", "without language guidance", Learning(language_guidance=False)),
        Method("reco_no_ce", "without context elimination", Learning(context_elimination=False)),
        Method("reco_no_lgc_ce", "without either", Learning(language_guidance=False, context_elimination=False)),
        Method("reco_no_text", "references alone at inference", scoring=Scoring(language=False)),
        Method("denseclip", "the language map alone (the baseline)", scoring=Scoring("denseclip")),
        Method("reco_crf", "ReCo with the paper's dense CRF", refine="crf"),
        Method("reco2", _RECO2, _OURS, Scoring("reco2")),
        Method("reco2_crf", "reco2 with outlines along the photo's edges", _OURS, Scoring("reco2"), "fast_crf"),
    )
}
REFINEMENTS = ("crf", "fast_crf")
_LEARNING = tuple(f.name for f in fields(Learning))
_SCORING = {  # the parts that a scorer lets one switch; the others have none
    "reco": ("language",),
    "reco2": tuple(f.name for f in fields(Scoring) if f.name != "scorer"),
}


def find_method(name: str) -> Method:
    """The method of this name; "+switch" and "-switch" after it turn switches on and off.

    "reco2-gate" is reco2 without its gate, "reco2-affinity+crf" also has a CRF in place of affinity. A switch of
    learning and of scoring ("calibrate") is turned in both.

    Raises:
        OptionError: there is none; the message suggests the nearest.
    """
    base, *changes = re.split(r"(?=[+-])", name)
    method = find(base, METHODS, "method")
    for change in changes:
        method = _switch(method, change[1:], change[0] == "+")
    return replace(method, name=name) if changes else method


def with_titles(name: str) -> str:
    """The method of this name with titles, if it is one of ours; the others stay the paper's."""
    method = find_method(name)
    return f"{name}+titles" if method.scoring.scorer == "reco2" and not method.learning.titles else name


def _switch(method: Method, switch: str, on: bool) -> Method:
    scoring = _SCORING.get(method.scoring.scorer, ())
    find(switch, dict.fromkeys((*_LEARNING, *scoring, *REFINEMENTS)), f"switch of {method.name}")
    if switch in REFINEMENTS:
        return replace(method, refine=switch if on else "")
    if switch in _LEARNING:
        method = replace(method, learning=replace(method.learning, **{switch: on}))
    if switch in scoring:
        scoring_options: dict[str, Any] = {switch: on}
        method = replace(method, scoring=replace(method.scoring, **scoring_options))
    return method
