"""The commands `presets` and `install`."""

import argparse
import logging
import sys
from pathlib import Path

from reco_core.cli.options import Commands, add_command, add_machine
from reco_core.cli.progress_log import ProgressLog
from reco_core.errors import OptionError
from reco_core.install import ASK_ABOVE, install, missing
from reco_core.models.weights import address, place
from reco_core.presets import PRESETS, Preset, find_preset

log = logging.getLogger("reco_core")


def add_commands(commands: Commands) -> None:
    """Add `presets` and `install`."""
    add_command(commands, "presets", show_presets)

    command = add_command(commands, "install", install_preset)
    command.add_argument("preset", help=", ".join(PRESETS))
    command.add_argument(
        "--photos", type=Path, help="folder to build the archive from (default: the bundled archive's)"
    )
    command.add_argument("--open-only", action="store_true", help="only photos with an open licence")
    command.add_argument("--yes", action="store_true", help="do not ask before a large download")
    add_machine(command)


def show_presets(args: argparse.Namespace) -> None:
    """List the models there are, and what each needs."""
    for preset in PRESETS.values():
        state = f"needs: reco install {preset.name}" if missing(preset) else "ready"
        sys.stdout.write(
            f"{preset.name}: {preset.summary}\n  {preset.megabytes:.0f} MB, {', '.join(preset.licences)}; {state}\n"
        )


def install_preset(args: argparse.Namespace) -> None:
    """Fetch a preset's weights and build its archive.

    Example: clip --yes
    """
    preset = find_preset(args.preset)
    lacks = missing(preset, args.weights)
    for file in lacks.weights:
        log.info("%s: %.0f MB, %s, %s", place(file), file.megabytes, file.licence, address(file))
    if lacks.megabytes > ASK_ABOVE and not args.yes:
        _ask(preset, lacks.megabytes)
    install(
        preset,
        photos=args.photos,
        folder=args.weights,
        device=args.device,
        precision=args.precision,
        open_only=args.open_only,
        control=ProgressLog(),
    )
    log.info("preset %s is ready", preset.name)


def _ask(preset: Preset, megabytes: float) -> None:
    """Raises OptionError unless the user agrees to a download."""
    if not sys.stdin.isatty():
        raise OptionError(f"{megabytes:.0f} MB would be downloaded", remedy="Say so with --yes")
    sys.stdout.write(f"Download {megabytes:.0f} MB under {', '.join(preset.licences)}? [y/N] ")
    sys.stdout.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise OptionError("nothing was downloaded", remedy="Answer y to go on")
