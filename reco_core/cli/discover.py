"""The commands `discover` and `vocabulary`."""

import argparse
import logging
from pathlib import Path

from reco_core.cli.options import (
    Commands,
    Parser,
    add_command,
    add_models,
    add_out,
    command_line,
    load,
    model_options,
    parse_words,
)
from reco_core.cli.progress_log import ProgressLog
from reco_core.export import write_discovery
from reco_core.utils.images import read_with_remarks
from reco_core.utils.names import join_names
from reco_core.zeroguidance.discovery import BACKGROUND, MOST_PARTS, PARTS, Discoverer, check_parts
from reco_core.zeroguidance.vocabulary import Words, load_vocabulary, nouns, read_words

log = logging.getLogger("reco_core")


def add_commands(commands: Commands) -> None:
    """Add `discover` and `vocabulary`."""
    command = add_command(commands, "discover", run)
    command.add_argument("photo", type=Path)
    add_out(command)
    finely = f"how finely the photo is cut before alike parts are joined, 1 to {MOST_PARTS} ({PARTS})"
    command.add_argument("--parts", type=int, default=PARTS, help=finely)
    command.add_argument("--background", default=", ".join(BACKGROUND), help="words that compete in every photo")
    _add_words(command)
    add_models(command)

    command = add_command(commands, "vocabulary", prepare)
    _add_words(command)
    add_models(command)


def _add_words(command: Parser) -> None:
    command.add_argument(
        "--words", type=Path, help="your own words, a text file with one a line (default: 18,000 nouns)"
    )


def run(args: argparse.Namespace) -> None:
    """Find and name everything in a photo, with no names given.

    Example: photo.jpg --parts 20 --out out
    """
    check_parts(args.parts)
    photo, remarks = read_with_remarks(args.photo)
    words, background = _read_words(args), parse_words(args.background)
    reco = load(args)
    discoverer = Discoverer(reco, load_vocabulary(reco.encoder, words, ProgressLog("embedding")), background)
    result = discoverer.discover(photo, args.parts)
    settings = {"photo": args.photo.name, "preset": args.preset, "parts": args.parts, "words": len(words.names)}
    settings["remarks"] = remarks
    write_discovery(result, photo, args.out, settings)
    for index, segment in enumerate(result.segments, 1):
        others = ", ".join(f"{name} {sure:.2f}" for name, sure in segment.others)
        told = index, segment.name, 100 * result.share(index), segment.confidence, others
        log.info("%2d %-20s %5.1f %% of the photo, confidence %.2f (or %s)", *told)
    again = [args.photo, join_names(result.names), "--out", args.out / "reco", *model_options(args)]
    log.info("written to %s. With ReCo: %s", args.out, command_line("segment", *again))


def prepare(args: argparse.Namespace) -> None:
    """Embed the words that `discover` names things with, now and for good.

    Happens by itself when it is first needed; mini has those of the bundled words.

    Example: --preset clip
    """
    words = _read_words(args)
    made = load_vocabulary(load(args).encoder, words, ProgressLog("embedding"))
    log.info("%s words are ready for preset %s", f"{len(made.names):,}", args.preset)


def _read_words(args: argparse.Namespace) -> Words:
    return read_words(args.words) if args.words else nouns()
