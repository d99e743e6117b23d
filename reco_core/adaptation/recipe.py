"""Recipes: how a specialist is trained, as data."""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Any

from reco_core.errors import OptionError, find

MINI = "mini"  # the encoder that is always there


@dataclass(frozen=True)
class Recipe:
    """How labels are made and learned.

    encoder: "mini", or one of segmentation_models_pytorch's whose weights are on the hub. blocks: how many of mini's
    12 are used; with all of them it starts with what mini knows of the names. stride: pixels from one position
    of its last map to the next. channels, rates: of DeepLabv3+'s decoder.
    side: photos are shown to the network with this short side. views: and to ReCo with its own side times these, each
    also mirrored; their mean is the label. unsure: the share of each label's pixels, the least sure, that teach
    nothing. kept: a network that starts with what mini knows is taught that again by so much, and where labels are
    unsure by all; 0: labels alone. balance: pixels count by their label's share of all to the power of minus this; 0:
    all the same.
    crop, scales, jitter, blur: training sees squares of `crop` pixels, of photos resized by a factor between the
    scales, with brightness, contrast and saturation changed by up to `jitter`, and half of
    them blurred if `blur`.
    batch, steps: crops in a step (two or more, for batch normalisation), and steps. rate: of Adam; for the encoder and
    what it starts with `encoder_rate` times that. decay: of weights.
    warmup: steps until the rate is reached; then it falls as (1 - step / steps) ** 0.9.
    average: the network that is kept is a running mean of the trained one, of so much inertia; 0: the trained one
    itself. check: steps between looks at held-out photos. patience: looks without progress until it stops.
    """

    name: str
    summary: str
    encoder: str = MINI
    blocks: int = 12
    stride: int = 16
    channels: int = 128
    rates: tuple[int, int, int] = (6, 12, 18)
    side: int = 224
    views: tuple[float, ...] = (1.0,)
    unsure: float = 0.25
    kept: float = 0.5
    balance: float = 0.5
    crop: int = 224
    scales: tuple[float, float] = (0.75, 1.5)
    jitter: float = 0.3
    blur: bool = True
    batch: int = 4
    steps: int = 200
    rate: float = 1e-3
    encoder_rate: float = 0.05
    decay: float = 2e-4
    warmup: int = 30
    average: float = 0.99
    check: int = 50
    patience: int = 4

    def __post_init__(self) -> None:
        """Raises OptionError for values that cannot be."""
        checks = {
            "steps": self.steps >= 1,
            "batch": self.batch >= 2,
            "check": self.check >= 1,
            "patience": self.patience >= 1,
            "stride": self.stride in (8, 16),
            "blocks": 1 <= self.blocks <= 12,
            "side": 64 <= self.side <= 1024,
            "views": bool(self.views),
            "crop": 64 <= self.crop <= 1024 and self.crop % 32 == 0,
            "unsure": 0 <= self.unsure < 1,
            "kept": 0 <= self.kept <= 1,
            "average": 0 <= self.average < 1,
            "balance": 0 <= self.balance <= 1,
            "scales": 0.1 <= self.scales[0] <= self.scales[1] <= 4,
        }
        for wrong in (name for name, fine in checks.items() if not fine):
            raise OptionError(f"a recipe cannot have this {wrong}", given=asdict(self)[wrong])

    @property
    def whole_mini(self) -> bool:
        """Whether the network is mini, and can start with what it knows (`start.Start`)."""
        return self.encoder == MINI and self.blocks == 12

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Recipe":
        """From settings as files have them, lists in place of tuples; raises TypeError for unknown ones."""
        found: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in settings.items()}
        return cls(**found)


TABLES = tomllib.loads(files(__package__).joinpath("recipes.toml").read_text("utf-8"))
RECIPES = {name: Recipe.of({"name": name, **settings}) for name, settings in TABLES.items()}
QUICK, PAPER = RECIPES["quick"], RECIPES["paper"]


def find_recipe(name: str) -> Recipe:
    """The recipe of this name.

    Raises:
        OptionError: there is none; the message suggests the nearest.
    """
    return find(name, RECIPES, "recipe")
