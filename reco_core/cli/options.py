"""Options that several commands share, and what they stand for."""

import argparse
from dataclasses import replace
from pathlib import Path

from reco_core.archives.archive import Archive
from reco_core.cli.progress_log import ProgressLog
from reco_core.errors import OptionError
from reco_core.methods import BACKGROUND_WORDS, CONTEXT_WORDS
from reco_core.pipeline import ReCo
from reco_core.presets import PRESETS, find_preset
from reco_core.utils.names import parse_names

MAX_SIDE = 1344  # of photos for the models: affinities of more positions would not fit into memory


def machine_options(command: argparse.ArgumentParser) -> None:
    """Add what says where weights are, and what the models run on."""
    command.add_argument("--weights", type=Path, help="folder where weights are looked for first (for mini: or a file)")
    command.add_argument("--device", help="cpu, cuda, ... (default: a GPU if there is one)")
    command.add_argument("--precision", help="float32, bfloat16 or float16 (default: half precision on a GPU)")


def load_options(command: argparse.ArgumentParser) -> None:
    """Add what `load` reads."""
    command.add_argument("--preset", default="mini", help=", ".join(PRESETS))
    command.add_argument(
        "--archive",
        type=Path,
        action="append",
        default=[],
        help="default: the preset's own; give more than one to join them",
    )
    command.add_argument("--photos", type=Path, help="the archive's photos, if it stores no dense features")
    command.add_argument("--photo-side", type=int, help="short side of photos for the models (default: the preset's)")
    machine_options(command)


def model_options(command: argparse.ArgumentParser) -> None:
    """Add what `load` reads, and what says how names are learned."""
    load_options(command)
    command.add_argument("-k", type=int, help="exemplars per concept (default: the preset's)")
    command.add_argument("--background", default=", ".join(BACKGROUND_WORDS), help="words that compete as background")
    command.add_argument("--context", default=", ".join(CONTEXT_WORDS), help="words for context elimination")


def load(args: argparse.Namespace) -> ReCo:
    """The preset with its own archive, or with those that were given, joined.

    Raises:
        OptionError, WeightsError, ArchiveError: what is wrong, and what to do.
    """
    preset = find_preset(args.preset)
    if args.photo_side is not None:
        if not 64 <= args.photo_side <= MAX_SIDE:
            raise OptionError("--photo-side is out of range", given=args.photo_side, expected=f"64 to {MAX_SIDE}")
        preset = replace(preset, photo_side=args.photo_side)
    reco = ReCo.load(
        preset,
        archive=args.archive[0] if args.archive else None,
        device=args.device,
        weights=args.weights,
        precision=args.precision,
        photos=args.photos,
        control=ProgressLog("fetching"),
    )
    for more in args.archive[1:]:
        reco = reco.joined(Archive(more))
    return reco


def words_of(text: str) -> tuple[str, ...]:
    """Words with commas between them; none of an empty text. Raises NamesError."""
    return parse_names(text) if text.strip() else ()
