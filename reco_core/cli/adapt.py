"""The command `adapt`."""

import argparse
import logging
from dataclasses import replace

from reco_core.adaptation.deeplab import RANDOM
from reco_core.adaptation.job import MOST_NAMES, Job, adapt
from reco_core.adaptation.rare import ARCHIVE, archive_photos
from reco_core.adaptation.recipe import RECIPES, find_recipe
from reco_core.cli.options import Commands, add_command, add_learning, add_out, command_line, load, parse_words
from reco_core.cli.progress_log import ProgressLog
from reco_core.photo_sources.factory import KINDS, Source, open_source
from reco_core.utils.names import parse_names

log = logging.getLogger("reco_core")


def add_commands(commands: Commands) -> None:
    """Add `adapt`."""
    command = add_command(commands, "adapt", run)
    command.add_argument(
        "source", metavar="PHOTOS", help=f"{KINDS}; or {ARCHIVE}: photos that the archive has of the names"
    )
    command.add_argument("names", help='for example "road, car, tree, sky"')
    add_out(command, "a new folder for the specialist")
    command.add_argument(
        "--recipe", default="quick", help="; ".join(f"{r.name}: {r.summary}" for r in RECIPES.values())
    )
    command.add_argument("--encoder", help="mini, resnet101, mobilenet_v2, ... in place of the recipe's")
    command.add_argument("--steps", type=int, help="in place of the recipe's")
    command.add_argument("--batch", type=int, help="in place of the recipe's")
    command.add_argument("--rounds", type=int, default=1, help="2: once more, from what the first specialist says")
    command.add_argument("--method", default="", help="how ReCo labels (default: the preset's; reco2_crf for reco2)")
    command.add_argument("--random", action="store_true", help="begin with random weights")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--count", type=int, default=30, help=f"with {ARCHIVE}: photos of each name")
    add_learning(command)


def run(args: argparse.Namespace) -> None:
    """Train a small, fast specialist for your own photos, without labels (ReCo+).

    ReCo labels your photos, and a network learns from these labels. An interrupted run is continued by
    the same command.

    Example: street_photos "road, building, car" --out street
    """
    parse_names(args.names, MOST_NAMES)  # what is wrong with them, before models are loaded
    changed = {name: value for name in ("encoder", "steps", "batch") if (value := getattr(args, name)) is not None}
    recipe, start = replace(find_recipe(args.recipe), **changed), RANDOM if args.random else "auto"
    words = parse_words(args.background), parse_words(args.context)
    control = ProgressLog()
    reco = load(args)
    names, remarks = reco.understand(args.names, most=MOST_NAMES)
    for remark in remarks:
        log.warning("%s", remark)
    job = Job(names, recipe, args.method, *words, args.rounds, args.seed, start)
    photos: Source
    if args.source == ARCHIVE:
        photos = archive_photos(reco, names, args.count, args.photos, seed=args.seed, control=control)
    else:
        photos = open_source(args.source, control=control)
    with photos:
        made = adapt(reco, photos, job, args.out, device=args.device, control=control)
    try_it = command_line("predict", args.out, "PHOTO", "--out", "RESULT")
    told = args.out, len(made.names), made.about["photos"], made.about["step"], try_it
    done = "written to %s: %d names from %d photos; step %d was kept. Try it: %s"
    log.info(done, *told)
