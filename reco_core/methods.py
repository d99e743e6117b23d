"""Methods: named ways through the pipeline, every part a switch; all their defaults, as data."""

import re
from dataclasses import dataclass, fields, replace

from reco_core.errors import find

CONTEXT_WORDS = ("tree", "sky", "building", "road", "person")  # the paper's, in the paper's order
BACKGROUND_WORDS = (
    "wall",
    "floor",
    "ceiling",
    "window",
    "door",
    "curtain",
    "table",
    "sky",
    "tree",
    "grass",
    "road",
    "building",
    "fence",
    "water",
    "sea",
    "sand",
    "snow",
    "mountain",
    "rock",
    "soil",
)


SURROUNDINGS = frozenset({*BACKGROUND_WORDS, *CONTEXT_WORDS} - {"person"})  # of `Method.expect_background`


@dataclass(frozen=True)
class Method:
    """A named way through the pipeline. Everything is a switch of its own.

    language_guidance, context_elimination: LGC and CE while learning a reference.
    reference, language: which factors enter at inference. crf: refine at the photo's edges.
    The others belong to reco2:
    calibrate: language maps count in standard deviations from what the archive's photos usually
        give for that name, in LGC too: some names are near to everything.
    weigh_seeds: a seed must itself look like the concept, not only be seconded by others.
    spare_context: context elimination leaves out words that mean nearly the same as the concept.
    compare: concepts compete by log-softmax; the next two need it.
    affinity: maps are smoothed by the co-segmentation features.
    gate: each concept starts from the evidence that it is in the photo at all.
    expect_background: with gate, background words are taken to be there; some of them are in nearly every photo.
    fast_crf: a dense CRF on every second row and column.
    """

    name: str
    summary: str
    language_guidance: bool = True
    context_elimination: bool = True
    reference: bool = True
    language: bool = True
    crf: bool = False
    calibrate: bool = False
    weigh_seeds: bool = False
    spare_context: bool = False
    compare: bool = False
    affinity: bool = False
    gate: bool = False
    expect_background: bool = False
    fast_crf: bool = False

    @property
    def learning(self) -> tuple[bool, ...]:
        """The switches that a learned reference depends on."""
        return (self.language_guidance, self.context_elimination, self.calibrate, self.weigh_seeds, self.spare_context)


@dataclass(frozen=True)
class Temperatures:
    """reco2's constants; docs/reco2.md says how each was chosen, and which with labelled sets in view.

    affinity_gain, affinity_shift: of `inference.affinity`. reference, language: softmax temperatures
    of cosines; unusual: of calibrated language, in standard deviations. evidence: of the log-odds
    that a concept is in the photo, which count up to `certain` (95 %), so that one obvious thing does not
    take what lies around it, and from `expected` (73 %) for background words.
    """

    affinity_gain: float = 8.0
    affinity_shift: float = 1.0
    reference: float = 0.1
    language: float = 0.05
    unusual: float = 1.0
    evidence: float = 1.0
    certain: float = 3.0
    expected: float = 1.0


@dataclass(frozen=True)
class AuthorsCode:
    """Where the authors' code differs from the paper's text; all off by default (the text).

    span: image i's maximum is taken over images i..2i. raw_seeds: raw seed features are averaged.
    imagenet_mean: every model is fed ImageNet's mean and std. vegetation_is_tree: "vegetation"
    reuses the reference of "tree". guidance_resized: LGC is computed on the language model's grid and then
    resized, not its features before. nearest_resize: photos are resized with nearest neighbour.
    """

    span: bool = False
    raw_seeds: bool = False
    imagenet_mean: bool = False
    vegetation_is_tree: bool = False
    nearest_resize: bool = False
    guidance_resized: bool = False


RECO = Method("reco", "the paper's ReCo, exactly")
METHODS = {
    method.name: method
    for method in (
        RECO,
        replace(RECO, name="reco_no_lgc", summary="without language guidance", language_guidance=False),
        replace(RECO, name="reco_no_ce", summary="without context elimination", context_elimination=False),
        replace(
            RECO, name="reco_no_lgc_ce", summary="without either", language_guidance=False, context_elimination=False
        ),
        replace(RECO, name="reco_no_text", summary="references alone at inference", language=False),
        replace(RECO, name="denseclip", summary="the language map alone (the baseline)", reference=False),
        replace(RECO, name="reco_crf", summary="ReCo with a dense CRF", crf=True),
        replace(
            RECO,
            name="reco2",
            summary="ours: names are calibrated and compete, maps are smoothed, absent things lose weight",
            calibrate=True,
            weigh_seeds=True,
            spare_context=True,
            compare=True,
            affinity=True,
            gate=True,
            expect_background=True,
        ),
    )
}
METHODS["reco2_crf"] = replace(METHODS["reco2"], name="reco2_crf", summary="reco2 with a fast dense CRF", fast_crf=True)

SWITCHES = {field.name: field.name for field in fields(Method) if field.name not in ("name", "summary")}


def find_method(name: str) -> Method:
    """The method of this name; "+switch" and "-switch" after it turn switches on and off.

    "reco2-gate" is reco2 without its gate, "reco2-affinity+crf" also has a CRF in place of affinity.

    Raises:
        OptionError: there is none; the message suggests the nearest.
    """
    base, *changes = re.split(r"(?=[+-])", name)
    method = find(base, METHODS, "method")
    for change in changes:
        switch = find(change[1:], SWITCHES, "switch of a method")
        method = replace(method, **{switch: change[0] == "+"})
    return replace(method, name=name) if changes else method
