"""Presets: which models play which role, with weights, licences and citations. They are the tables of presets.toml."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from reco_core.errors import find
from reco_core.methods import Temperatures
from reco_core.utils.tables import build, inherit

FILE = Path(__file__).with_suffix(".toml")
RECORDED = "recorded at the first download"
ROLES = ("retrieval", "language", "features")  # of a preset's models
IMAGENET_TEMPLATES = "{the 80 ImageNet templates of open_clip}"  # stands for them in a preset's templates


@dataclass(frozen=True)
class WeightFile:
    """One file of weights.

    file: its name, or its path below the project if it is bundled. source: an https address,
    "hub:OWNER/NAME@REVISION", or the tool that makes a bundled file. sha256: all 64 digits, the
    published prefix, or "" if no hash is published. hash_from: where it was published, or RECORDED.
    """

    file: str
    source: str
    sha256: str
    hash_from: str
    licence: str
    megabytes: float

    @property
    def hub(self) -> tuple[str, str] | None:
        """Repository and revision, if the source is the hub."""
        repository, _, revision = self.source.removeprefix("hub:").partition("@")
        return (repository, revision) if self.source.startswith("hub:") else None


@dataclass(frozen=True)
class Model:
    """A network and how photos enter it.

    name: as its library ("mini", "open_clip" or "timm") calls it. weights: the same weights from several
    places, the best first; any one of them is enough. mean, std: of RGB in 0..1. patch: pixels from
    one position of its maps to the next. archive_side: archive photos enter as centre crops of this size.
    readout: of open_clip models, how the last block becomes a language map (dense_clip.READOUTS);
    of timm models, "tokens" or "keys" of block `block`. quick_gelu: the activation of OpenAI's weights.
    """

    name: str
    library: str
    weights: tuple[WeightFile, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    patch: int
    archive_side: int
    citation: str
    readout: str = ""
    block: int = -1
    quick_gelu: bool = False


@dataclass(frozen=True)
class Preset:
    """A named choice of models and everything that belongs to them.

    retrieval: finds exemplars. language: makes text-aligned maps. features: co-segmentation features.
    A model that plays several roles is loaded and run once. vocabulary: a file beside them (mini's names).
    archive: its own archive, a path below the project. method: what users get by default.
    photo_side: short side of the user's photo for the models. margin: patches of mirrored photo
    around it. window, stride: when photo_side is set above window, photos are read in overlapping squares of
    window pixels, every stride (multiples of all patches).
    k: exemplars per concept. centre: share of the mean name embedding that is subtracted from text embeddings.
    words: temperature of cosines with a vocabulary's words, when segments are named (default: CLIP's own scale).
    unrelated: cosine of two unrelated names' texts; None: that of the context words, on average.
    presence: weights of `presence.log_odds`. in_archive_from: mean similarity of a name's five best exemplars
    below which the archive has no such thing. fitted: whether these two and the temperatures were
    measured with these weights; otherwise they are mini's, or taken from papers.
    quality: what to expect, and who says so.
    """

    name: str
    summary: str
    retrieval: Model
    language: Model
    features: Model
    templates: tuple[str, ...]
    archive: str
    citation: str
    quality: str
    method: str = "reco2"
    vocabulary: WeightFile | None = None
    photo_side: int = 336
    margin: int = 0
    window: int = 0
    stride: int = 0
    k: int = 20
    centre: float = 0.0
    unrelated: float | None = None
    presence: tuple[float, float, float, float] = (0.15, 2.27, 0.87, -4.14)
    in_archive_from: float = 0.35
    words: float = 0.01
    temperatures: Temperatures = field(default_factory=Temperatures)
    fitted: bool = False

    @property
    def models(self) -> tuple[Model, ...]:
        """The different models, in the order of the roles."""
        return tuple(dict.fromkeys((self.retrieval, self.language, self.features)))

    @property
    def windowed(self) -> bool:
        """Whether photos are read in windows."""
        return 0 < self.window < self.photo_side

    @property
    def one_text(self) -> bool:
        """Whether the text that searches archives is the one that language maps are compared with."""
        return self.retrieval == self.language

    @property
    def licences(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(model.weights[0].licence for model in self.models))

    @property
    def megabytes(self) -> float:
        """What the first choice of every model's weights weighs."""
        return sum(model.weights[0].megabytes for model in self.models)


def read_presets(file: Path = FILE) -> dict[str, Preset]:
    """The presets of a file of tables, see the one that is read, by name and in their order.

    Raises:
        OptionError: a key is unknown or missing, or a value does not fit; names the file and the key.
    """
    tables = tomllib.loads(file.read_text(encoding="utf-8"))
    models = {
        name: build(Model, table, f"models.{name} of {file.name}") for name, table in inherit(tables["models"]).items()
    }
    presets = {}
    for name, table in inherit(tables["presets"]).items():
        roles = {role: find(table.get(role, ""), models, f"model of {file.name}") for role in ROLES}
        presets[name] = build(Preset, {"name": name, **table, **roles}, f"presets.{name} of {file.name}")
    return presets


PRESETS = read_presets()
MINI, CLIP, PAPER = PRESETS["mini"], PRESETS["clip"], PRESETS["paper"]
MINI_NETWORK = MINI.features
CLIP_MEAN, CLIP_STD = CLIP.language.mean, CLIP.language.std
IMAGENET_MEAN, IMAGENET_STD = CLIP.features.mean, CLIP.features.std


def find_preset(name: str) -> Preset:
    """The preset of this name.

    Raises:
        OptionError: there is none; the message suggests the nearest.
    """
    return find(name, PRESETS, "preset")


def usual_method(preset: Preset) -> str:
    """What people get who name no method: the preset's, with reco2's labels drawn along the photo's edges."""
    return "reco2_crf" if preset.method == "reco2" else preset.method
