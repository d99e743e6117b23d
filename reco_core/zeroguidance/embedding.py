"""What a preset's models say of parts of a photo, and of the words to compare that with."""

from functools import singledispatch

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from reco_core.errors import OptionError
from reco_core.models import sentence_encoder
from reco_core.models.clip_encoder import ClipEncoder
from reco_core.models.encoder import Encoder
from reco_core.models.mini_encoder import MiniEncoder
from reco_core.models.mini_vit import conse
from reco_core.models.prompts import embed_names
from reco_core.presets import IMAGENET_TEMPLATES, Preset
from reco_core.utils.hashing import digest
from reco_core.utils.images import model_size
from reco_core.utils.tensors import to_tensor

OUTSIDE = 0.1  # how much mini counts what lies outside a segment; a compromise, see docs/discover.md
LEAST_SIDE = 64  # pixels; smaller segments are seen with some of what is around them
AT_ONCE = 16
WORD_TEMPLATES = ("a photo of a {}.",)  # of presets with dozens of templates, which would take hours for a vocabulary


@singledispatch
def embed_segments(encoder: Encoder, photo: np.ndarray, masks: np.ndarray) -> Tensor:
    """Embeddings (S, D) float32 on the CPU, norm 1, of segments of a photo; comparable with `embed_words`.

    CLIP transformers: attention masking with global subtraction (`attention_masking`). mini: a square around the
    segment goes through the network at full size, and in every attention what lies outside counts a tenth. (Pooling its
    language map over the segment instead names a third as many things rightly: docs/discover.md.)

    Args:
        photo: (H, W, 3) uint8. masks: (S, H, W) bool, none of them empty.

    Raises:
        OptionError: the preset's models cannot do this.
    """
    raise OptionError("this preset cannot name segments", given=encoder.preset.name)


@embed_segments.register
@torch.inference_mode()
def _(encoder: MiniEncoder, photo: np.ndarray, masks: np.ndarray) -> Tensor:
    model, found = encoder.preset.features, []
    size = (model.archive_side, model.archive_side)
    grid = (size[0] // model.patch, size[1] // model.patch)
    for start in range(0, len(masks), AT_ONCE):
        images, seen = [], []
        for mask in masks[start : start + AT_ONCE]:
            window = square(mask)
            images.append(to_tensor(photo[window], size, model.mean, model.std))
            seen.append(shares(mask[window][None], grid)[0].flatten().clamp_min(OUTSIDE))
        said = encoder.network.look(torch.stack(images).to(encoder.device), torch.stack(seen).to(encoder.device))
        found.append(conse(said.probability, encoder.names).cpu())
    return torch.cat(found)


@embed_segments.register
def _(encoder: ClipEncoder, photo: np.ndarray, masks: np.ndarray) -> Tensor:
    model = encoder.preset.retrieval
    side = model_size(photo.shape[0], photo.shape[1], model.archive_side, model.patch)
    image = to_tensor(photo, side, model.mean, model.std)[None].to(encoder.device, encoder.precision)
    covered = shares(masks, (side[0] // model.patch, side[1] // model.patch))
    return encoder.networks.retrieval.segments(image, covered.to(encoder.device)).cpu()


def shares(masks: np.ndarray, grid: tuple[int, int]) -> Tensor:
    """The share of every patch of a grid that masks (S, H, W) bool cover: (S, *grid) float32."""
    return F.interpolate(torch.from_numpy(masks).float()[None], size=grid, mode="area")[0]


def square(mask: np.ndarray) -> tuple[slice, slice]:
    """The rows and columns of the smallest square around a mask (H, W), moved and cut to fit into the photo."""
    spans = [np.flatnonzero(mask.any(axis)) for axis in (1, 0)]
    side = max(LEAST_SIDE, *(int(span[-1] - span[0]) + 1 for span in spans))
    out = []
    for span, length in zip(spans, mask.shape, strict=True):
        first = (int(span[0] + span[-1]) + 1 - side) // 2
        first = max(0, min(first, length - side))
        out.append(slice(first, min(length, first + side)))
    return out[0], out[1]


def embed_words(encoder: Encoder, names: tuple[str, ...]) -> Tensor:
    """Embeddings (K, D) float32 of words in the space of `embed_segments`."""
    if isinstance(encoder, ClipEncoder):
        return embed_names(names, word_templates(encoder.preset), encoder.networks.retrieval.text)
    return encoder.embed_names(names)


def word_templates(preset: Preset) -> tuple[str, ...]:
    """The sentences that a vocabulary's words are embedded in."""
    return WORD_TEMPLATES if IMAGENET_TEMPLATES in preset.templates else preset.templates


def words_fingerprint(encoder: Encoder) -> str:
    """16 hexadecimal digits of everything that `embed_words` depends on."""
    preset = encoder.preset
    parts: list[object] = [word_templates(preset), preset.centre]
    if isinstance(encoder, MiniEncoder):
        parts += [sentence_encoder.SHA256["model.safetensors"], encoder.mean_name.tolist()]
    else:
        parts.append(encoder.hash)
    return digest(repr(parts), 16)
