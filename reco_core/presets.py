"""Presets and methods: every default in one place, as data."""

import difflib
import re
from dataclasses import dataclass, fields, replace

from reco_core.errors import OptionError

CONTEXT_WORDS = ("tree", "sky", "building", "road", "person")  # the paper's, in the paper's order
BACKGROUND_WORDS = (
    "wall", "floor", "ceiling", "window", "door", "curtain", "table", "sky", "tree", "grass",
    "road", "building", "fence", "water", "sea", "sand", "snow", "mountain", "rock", "soil",
)  # fmt: skip


@dataclass(frozen=True)
class WeightFile:
    """One file of weights: where it lies below the project, its hash, licence and source."""

    path: str
    sha256: str
    licence: str
    source: str


@dataclass(frozen=True)
class Preset:
    """A named choice of models and everything that belongs to them.

    mean, std: of RGB in 0..1. archive_side: archive photos enter as centre crops of this size.
    photo_side: short side of the user's photo for the models. margin: patches of mirrored photo
    around it, at least 1. k: exemplars per concept.
    centre: share of the mean name embedding that is subtracted from text embeddings.
    presence: weights of `inference.evidence`, fitted on training photos and their titles (tools/fit_presence.py).
    served: mean similarity of a name's five best exemplars below which the archive has no such thing.
    """

    name: str
    summary: str
    weights: tuple[WeightFile, ...]
    templates: tuple[str, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    archive: str
    citation: str
    archive_side: int = 224
    photo_side: int = 336
    margin: int = 1
    patch: int = 16
    k: int = 20
    centre: float = 0.7
    presence: tuple[float, float, float] = (1.0, 0.89, -4.55)
    served: float = 0.35


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

    @property
    def learning(self) -> tuple[bool, ...]:
        """The switches that a learned reference depends on."""
        return (self.language_guidance, self.context_elimination, self.calibrate, self.weigh_seeds, self.spare_context)


@dataclass(frozen=True)
class Temperatures:
    """reco2's constants; docs/reco2.md says how each was chosen, and which with labelled sets in view.

    affinity_gain, affinity_shift: of `inference.affinity`. reference, language: softmax temperatures
    of cosines; unusual: of calibrated language, in standard deviations. evidence: of the log-odds
    that a concept is in the photo, which count up to `certain` (95 %), so that
    one obvious thing does not take what lies around it.
    """

    affinity_gain: float = 8.0
    affinity_shift: float = 1.0
    reference: float = 0.1
    language: float = 0.05
    unusual: float = 1.0
    evidence: float = 3.0
    certain: float = 3.0


@dataclass(frozen=True)
class AuthorsCode:
    """Where the authors' code differs from the paper's text; all off by default (the text).

    span: image i's maximum is taken over images i..2i. raw_seeds: raw seed features are averaged.
    imagenet_mean: every model is fed ImageNet's mean and std. vegetation_is_tree: "vegetation"
    reuses the reference of "tree". nearest_resize: photos are resized with nearest neighbour.
    """

    span: bool = False
    raw_seeds: bool = False
    imagenet_mean: bool = False
    vegetation_is_tree: bool = False
    nearest_resize: bool = False


RECO = Method("reco", "the paper's ReCo, exactly")
METHODS = {
    method.name: method
    for method in (
        RECO,
        replace(RECO, name="reco_no_lgc", summary="without language guidance", language_guidance=False),
        replace(RECO, name="reco_no_ce", summary="without context elimination", context_elimination=False),
        replace(
            RECO,
            name="reco_no_lgc_ce",
            summary="without either",
            language_guidance=False,
            context_elimination=False,
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
        ),
    )
}

SWITCHES = {field.name: field.name for field in fields(Method) if field.name not in ("name", "summary")}

MINI = Preset(
    name="mini",
    summary="bundled, no network needed: a 5.7 M-parameter ViT trained by this project",
    weights=(
        WeightFile(
            path="assets/mini/mini.safetensors",
            sha256="f55c27e178442b008c1da060df0e838716a42d6c7c3259d5ea53b4488419de96",
            licence="Apache-2.0",
            source="tools/train_mini.py",
        ),
        WeightFile(
            path="assets/mini/names.safetensors",
            sha256="f257a2dea4976489005ca6f9708c2a79b8640e6f7cf4712421db59dabfe0ec89",
            licence="Apache-2.0",
            source="tools/name_embeddings.py",
        ),
    ),
    templates=("{}", "a photo of a {}.", "a picture of the {}.", "there is a {} in the scene."),
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
    archive="archives/mini",
    citation="This project; distilled from timm's vit_tiny_patch16_224.augreg_in21k_ft_in1k (Apache-2.0)",
)
PRESETS = {preset.name: preset for preset in (MINI,)}


def find_preset(name: str) -> Preset:
    """The preset of this name.

    Raises:
        OptionError: there is none; the message suggests the nearest.
    """
    return _find(name, PRESETS, "preset")


def find_method(name: str) -> Method:
    """The method of this name; "+switch" and "-switch" after it turn switches on and off.

    "reco2-gate" is reco2 without its gate, "reco2-affinity+crf" also has a CRF in place of affinity.

    Raises:
        OptionError: there is none; the message suggests the nearest.
    """
    base, *changes = re.split(r"(?=[+-])", name)
    method = _find(base, METHODS, "method")
    for change in changes:
        switch = _find(change[1:], SWITCHES, "switch of a method")
        method = replace(method, **{switch: change[0] == "+"})
    return replace(method, name=name) if changes else method


def _find(name: str, known: dict, kind: str):
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0)
    raise OptionError(f"unknown {kind}", given=name, expected=", ".join(known), remedy=f'Did you mean "{near[0]}"?')
