"""The specialist's network: DeepLabv3+ on the encoder of a recipe. Photos in, class scores of every pixel out."""

import logging
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reco_core.adaptation.recipe import MINI, Recipe
from reco_core.adaptation.start import Start
from reco_core.errors import OptionError, WeightsError
from reco_core.models import weights
from reco_core.models.mini_vit import KEY_BLOCK, PATCH, MiniNetwork, last, project
from reco_core.presets import IMAGENET_MEAN, IMAGENET_STD, MINI_NETWORK, Model, WeightFile
from reco_core.utils.run_control import RunControl

log = logging.getLogger(__name__)
MULTIPLE = 32  # sides of photos for any of the networks
EDGES = 32  # channels of the stem that sees edges for mini's transformer
MARGIN = 1  # patches
DROPOUT = 0.1
RANDOM = "random weights"


def _halving(channels: int) -> list[nn.Module]:
    return [nn.Conv2d(channels, EDGES, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(EDGES), nn.ReLU()]


class MiniPyramid(nn.Module):
    """mini's transformer as an encoder of DeepLabv3+: its tokens, of stride 16, and for edges a small stem of stride 4.

    blocks: how many of the transformer's, from the first; of all of them the tokens are what `MiniNetwork` reads: its
    values, keys and the whole photo's, one behind the other. As in `MiniEncoder` the photo has a mirrored margin.
    Positions are interpolated bilinearly, which exports to ONNX for any size.
    """

    def __init__(self, blocks: int = 12) -> None:
        super().__init__()
        vit: Any = MiniNetwork().vit
        self.positions = nn.Parameter(vit.pos_embed.detach().clone())
        self.first = nn.Parameter(vit.cls_token.detach().clone())
        self.patches, self.blocks, self.norm = vit.patch_embed.proj, vit.blocks[:blocks], vit.norm
        self.stem = nn.Sequential(*_halving(3), *_halving(EDGES))
        self.whole = blocks == len(vit.blocks)
        self.out_channels = [3, 0, EDGES, 0, vit.embed_dim * (3 if self.whole else 1)]

    def load(self, mini: dict[str, Tensor]) -> None:
        """Take over mini's weights."""
        names = {"pos_embed": "positions", "cls_token": "first"}
        vit = {name.removeprefix("vit."): value for name, value in mini.items()}
        renamed = {names.get(name, name.replace("patch_embed.proj", "patches")): value for name, value in vit.items()}
        kept = {name: value.float() for name, value in renamed.items() if name in self.state_dict()}
        self.load_state_dict(kept | {n: v for n, v in self.state_dict().items() if n.startswith("stem.")})

    def forward(self, photos: Tensor) -> list[Tensor | None]:
        grid = self.patches(F.pad(photos, [MARGIN * PATCH] * 4, mode="reflect"))
        side = round((self.positions.shape[1] - 1) ** 0.5)
        square = self.positions[:, 1:].transpose(1, 2).unflatten(2, (side, side))
        placed = F.interpolate(square, size=grid.shape[2:], mode="bilinear", align_corners=False)
        tokens = (grid + placed).flatten(2).transpose(1, 2)
        tokens = torch.cat([(self.first + self.positions[:, :1]).expand(len(tokens), -1, -1), tokens], 1)
        features = tokens
        for index, block in enumerate(self.blocks[:-1] if self.whole else self.blocks):
            features = project(block, tokens, part=1) if index == KEY_BLOCK else features
            tokens = block(tokens)
        seen = self.norm(last(self.blocks[-1], tokens) if self.whole else tokens)
        deep = [seen, features, seen[:, :1].expand_as(seen)] if self.whole else [seen]
        maps = torch.cat(deep, 2)[:, 1:].transpose(1, 2).unflatten(2, grid.shape[2:])
        return [photos, None, self.stem(photos), None, maps[..., MARGIN:-MARGIN, MARGIN:-MARGIN]]


class DeepLab(nn.Module):
    """DeepLabv3+ (Chen et al., ECCV 2018) for photos (B, 3, H, W), RGB in 0..1, sides multiples of 32.

    Returns (B, classes, H, W): logits, background first. Training with weights for labels overstates the heavy ones:
    then, and only then, their logarithms are added, so that probabilities mean what they say (logit
    adjustment, Menon et al., ICLR 2021, section 3). With a start the decoder learns only what is to be added to it.
    """

    mean: Tensor
    std: Tensor
    log_weights: Tensor

    def __init__(self, recipe: Recipe, classes: int, start: Start | None = None) -> None:
        """Random weights (torch's random numbers). start: what it adds to, if its encoder is the whole of mini.

        Raises:
            OptionError: there is no such encoder, or it has no such stride.
        """
        super().__init__()
        # Here, as below: it takes seconds, and most commands make no such network.
        from segmentation_models_pytorch.decoders.deeplabv3.decoder import DeepLabV3PlusDecoder

        mini = recipe.encoder == MINI
        mean, std = (MINI_NETWORK.mean, MINI_NETWORK.std) if mini else (IMAGENET_MEAN, IMAGENET_STD)
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("log_weights", torch.zeros(classes))
        encoder: Any = MiniPyramid(recipe.blocks) if mini else _encoder(recipe)
        self.encoder = encoder
        channels: Any = encoder.out_channels
        shape: Any = len(channels) - 1, recipe.channels, recipe.rates, recipe.stride
        self.decoder = DeepLabV3PlusDecoder(channels, *shape, aspp_separable=True, aspp_dropout=DROPOUT)
        self.head = nn.Conv2d(recipe.channels, classes, 1)
        self.start = start
        if start is not None:  # nothing is added yet
            nn.init.zeros_(self.head.weight)
            nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]

    def forward(self, photos: Tensor) -> Tensor:
        features = self.encoder((photos - self.mean) / self.std)
        logits = self.head(self.decoder(features))
        if self.start is not None:
            start = self.start(features[-1])
            logits = logits + F.interpolate(start, size=logits.shape[2:], mode="bilinear", align_corners=False)
        if self.training:
            logits = logits + self.log_weights.view(1, -1, 1, 1)
        return F.interpolate(logits, size=photos.shape[2:], mode="bilinear", align_corners=False)


def _encoder(recipe: Recipe) -> nn.Module:
    import segmentation_models_pytorch as smp

    if recipe.encoder not in smp.encoders.encoders:
        raise OptionError(
            "unknown encoder",
            given=recipe.encoder,
            expected=f"{MINI}, resnet101, mobilenet_v2, or another of segmentation_models_pytorch",
        )
    try:
        return smp.encoders.get_encoder(recipe.encoder, weights=None, output_stride=recipe.stride)
    except (ValueError, NotImplementedError) as error:
        raise OptionError(
            "this encoder does not fit DeepLabv3+", given=f"{recipe.encoder}: {error}", expected="a convolutional one"
        ) from error


def initialise(network: DeepLab, recipe: Recipe, *, fetch: bool = True, control: RunControl | None = None) -> str:
    """Give the encoder weights that someone trained, and say whose.

    Raises:
        WeightsError: they are neither here nor to be had. Cancelled: `control` was cancelled.
    """
    model = MINI_NETWORK if recipe.encoder == MINI else published_weights(recipe.encoder)
    found = weights.resolve(model, fetch=fetch, control=control)
    state = weights.read_state_dict(found.path)
    if recipe.encoder == MINI:
        network.encoder.load(state)
        return "mini's backbone, trained by this project"
    try:
        network.encoder.load_state_dict(state)
    except RuntimeError as error:
        raise WeightsError("the weights do not fit the network", given=f"{found.path.name}: {error}") from error
    return f"{found.file.hub[0] if found.file.hub else found.file.source}, from the hub"


def published_weights(encoder: str) -> Model:
    """Where an encoder's ImageNet weights are published.

    Raises:
        WeightsError: nowhere.
    """
    import segmentation_models_pytorch as smp

    settings = smp.encoders.encoders[encoder]["pretrained_settings"]
    if "imagenet" not in settings:
        raise WeightsError("nobody publishes ImageNet weights of this encoder", given=encoder)
    where = settings["imagenet"]
    file = WeightFile(
        "model.safetensors", f"hub:{where['repo_id']}@{where['revision']}", "", "the hub", "see the hub", 170
    )
    return Model(encoder, "smp", (file,), IMAGENET_MEAN, IMAGENET_STD, PATCH, 224, "")
