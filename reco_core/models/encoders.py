"""Loading a preset's models onto a device."""

from pathlib import Path

import torch

from reco_core.errors import OptionError
from reco_core.models import weights
from reco_core.models.clip_encoder import ClipEncoder, untrained
from reco_core.models.encoder import Encoder
from reco_core.models.mini_encoder import MiniEncoder
from reco_core.models.timm_backbone import Backbone
from reco_core.presets import Preset
from reco_core.utils.run_control import RunControl


def load_encoder(
    preset: Preset,
    device: str | None = None,
    folder: Path | None = None,
    *,
    fetch: bool = True,
    control: RunControl | None = None,
    precision: str | None = None,
) -> Encoder:
    """Load a preset's models.

    Args:
        device: default: the GPU if there is one.
        folder: where weights are looked for first; for mini also one file.
        fetch: whether weights that are nowhere on this machine are downloaded.
        control: see `weights.resolve`.
        precision: "float32", "bfloat16" or "float16"; default: half precision on a GPU (mini: float32; it has no
            float16). See `quick_precision`.

    Raises:
        OptionError: the device or precision does not exist. WeightsError: a file is missing or not the right one.
        Cancelled: `control` was cancelled.
    """
    device = choose_device(device)
    if preset.features.library == "mini":
        chosen = choose_precision(precision, "cpu")
        if chosen == torch.float16:
            raise OptionError("preset mini has no such precision", given=precision, expected="float32, bfloat16")
        return MiniEncoder.load(preset, device, folder, chosen)
    chosen = choose_precision(precision, device)
    files = [weights.resolve(m, folder, fetch=fetch, control=control) for m in preset.models]
    networks = untrained(preset)
    for model, empty, found in zip(preset.models, networks.all, files, strict=True):
        state = weights.read_state_dict(found.path)
        state = empty.adapt(state) if isinstance(empty, Backbone) else state
        weights.load_strictly(empty.network, state, model.library, f"{found.path.name} for {model.name}")
    return ClipEncoder.build(preset, networks, device, chosen)


def choose_device(device: str | None) -> str:
    """The device asked for, checked; by default cuda if there is one, else cpu."""
    if device is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        first_line = str(error).splitlines()[0]
        raise OptionError("this device cannot be used", given=f"{device} ({first_line})", remedy='Try "cpu"') from error
    return device


def choose_precision(precision: str | None, device: str) -> torch.dtype:
    """The precision asked for, checked; by default float32 on a CPU, else bfloat16 where the GPU has it, else
    float16.
    """
    known = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    if precision is None:
        if not device.startswith("cuda"):
            return torch.float32
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if precision not in known:
        raise OptionError("unknown precision", given=precision, expected=", ".join(known))
    return known[precision]


def quick_precision(device: str | None) -> str | None:
    """For who answers many people: bfloat16 on a CPU that multiplies it twice as fast as float32; else the default."""
    if choose_device(device) != "cpu":
        return None
    known = torch.cpu.get_capabilities()
    return "bfloat16" if known.get("avx512_bf16") or known.get("amx_bf16") else None
