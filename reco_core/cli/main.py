"""The command line's parser, and how errors end a command."""

import argparse
import logging
import sys

from reco_core import __version__
from reco_core.cli import adapt, archive, bench, discover, export, options, presets, segment
from reco_core.errors import RecoError
from reco_core.utils.disk_space import is_full

log = logging.getLogger("reco_core")


def main(arguments: list[str] | None = None) -> int:
    """Run a command; 0 on success, 2 on an error that the user can mend, 130 if the user stopped it."""
    args = build_parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        options.check_out(getattr(args, "out", None))
        args.run(args)
    except RecoError as error:
        log.error("error: %s", error)
        return 2
    except OSError as error:
        if is_full(error):
            log.error("error: the disk is full. Free some space: the same command goes on where it was stopped.")
            return 2
        log.error("error: a file could not be read or written: %s. Check path, permissions and free space.", error)
        return 2
    except KeyboardInterrupt:
        log.error("stopped. What long commands had done is kept: the same command continues them.")
        return 130
    return 0


def build_parser() -> argparse.ArgumentParser:
    """All commands; `run` of what is parsed is the function that does what was asked."""
    parser = argparse.ArgumentParser(prog="reco", description="Segment photos by typing names.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in (segment, discover, adapt, export, bench, presets, archive):
        module.add_commands(commands)
    return parser
