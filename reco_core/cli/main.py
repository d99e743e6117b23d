"""The command line: parse, call, show."""

import argparse
import logging
import sys
import tempfile
from pathlib import Path

import numpy as np

from reco_core.adaptation.specialist import Specialist
from reco_core.cli import adapt, archive, bench, discover
from reco_core.cli.options import load, machine_options, model_options, words_of
from reco_core.cli.progress_log import ProgressLog
from reco_core.errors import OptionError, RecoError
from reco_core.export import is_found, write_report
from reco_core.install import ASK_ABOVE, install, missing, teach_from
from reco_core.methods import METHODS
from reco_core.models.weights import address, place
from reco_core.pipeline import usual_method
from reco_core.presets import PRESETS, Preset, find_preset
from reco_core.types import Segmentation
from reco_core.utils.images import read_photo
from reco_core.utils.names import parse_names

log = logging.getLogger("reco_core")


def main(arguments: list[str] | None = None) -> int:
    """Run a command; 0 on success, 2 on an error that the user can mend, 130 if the user stopped it."""
    args = parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        args.run(args)
    except RecoError as error:
        log.error("error: %s", error)
        return 2
    except OSError as error:
        log.error("error: a file could not be read or written: %s. Check path, permissions and free space.", error)
        return 2
    except KeyboardInterrupt:
        log.error("stopped. What long commands had done is kept: the same command continues them.")
        return 130
    return 0


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="reco_core", description="Segment photos by typing names.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    segment = commands.add_parser("segment", help="mark named things in a photo")
    segment.add_argument("photo", type=Path)
    segment.add_argument("names", nargs="?", default="", help='for example "cat, wall"; none with --specialist')
    segment.add_argument("--out", type=Path, required=True, help="folder for overlay.png, labels.png, result.json")
    segment.add_argument("--method", help=f"{', '.join(METHODS)} (default: the preset's; reco2 with its fast CRF)")
    segment.add_argument(
        "--teach",
        metavar="NAME=PHOTOS",
        action="append",
        default=[],
        help="learn a name from these photos alone (a folder, zip, ...), whatever it means",
    )
    segment.add_argument("--specialist", type=Path, help="folder that `adapt` made: marks its names, without ReCo")
    segment.add_argument("--exclude", default="", help="archive photos that must not be exemplars, with commas")
    model_options(segment)
    segment.set_defaults(run=_segment)

    discover.add_parser(commands)
    adapt.add_parser(commands)
    bench.add_parser(commands)
    archive.add_parser(commands)

    table = commands.add_parser("presets", help="which models there are, and what each needs")
    table.set_defaults(run=_presets)

    setup = commands.add_parser("install", help="fetch a preset's weights and build its archive")
    setup.add_argument("preset", help=", ".join(PRESETS))
    setup.add_argument("--photos", type=Path, help="folder to build the archive from (default: the bundled archive's)")
    setup.add_argument("--open-only", action="store_true", help="only photos with an open licence")
    setup.add_argument("--yes", action="store_true", help="do not ask before a large download")
    machine_options(setup)
    setup.set_defaults(run=_install)
    return top


def _segment(args: argparse.Namespace) -> None:
    if args.specialist:
        _specialist(args)
        return
    names, photo = parse_names(args.names), read_photo(args.photo)
    reco = load(args)
    method = args.method or usual_method(reco.encoder.preset)
    with tempfile.TemporaryDirectory() as scratch:
        taught = []
        for i, text in enumerate(args.teach):
            name, equals, source = text.partition("=")
            if not equals or name.strip().casefold() not in map(str.casefold, names):
                raise OptionError(
                    "--teach is not understood", given=text, expected="NAME=PHOTOS, with one of the names"
                )
            reco, concept = teach_from(
                reco, name, source, Path(scratch) / str(i), method=method, context=words_of(args.context)
            )
            taught.append(concept)
        references = reco.prepare(
            names,
            k=args.k,
            method=method,
            background=words_of(args.background),
            context=words_of(args.context),
            exclude=frozenset(filter(None, (part.strip() for part in args.exclude.split(",")))),
            taught=taught,
        )
    result = reco.segment(photo, references, method=method)
    _tell(result, photo, args, {"method": method, "preset": args.preset})
    for concept in references.concepts:
        if not concept.served:
            log.warning(
                'not in this archive: "%s". Its mask means little; add photos of it with `archive add`, or --teach it',
                concept.name,
            )


def _specialist(args: argparse.Namespace) -> None:
    """Mark what a specialist knows; that is all there is to ask it."""
    if args.names or args.teach:
        raise OptionError("a specialist has its own names", given=args.names or args.teach, remedy="Leave them out")
    photo, specialist = read_photo(args.photo), Specialist(args.specialist, args.device)
    _tell(specialist.segment(photo), photo, args, {"specialist": args.specialist.name})


def _tell(result: Segmentation, photo: np.ndarray, args: argparse.Namespace, settings: dict) -> None:
    write_report(result, photo, args.out, {"photo": args.photo.name, **settings})
    for index, name in enumerate(result.names, 1):
        share, presence = result.share(index), result.presence[index - 1]
        log.info(
            "%-20s %5.1f %% of the photo, presence %.2f%s",
            name,
            100 * share,
            presence,
            "" if is_found(presence, share) else ": not found",
        )
    log.info("written to %s", args.out)


def _presets(args: argparse.Namespace) -> None:
    for preset in PRESETS.values():
        lacks = missing(preset)
        state = f"needs: python -m reco_core install {preset.name}" if lacks else "ready"
        sys.stdout.write(
            f"{preset.name}: {preset.summary}\n  {preset.megabytes:.0f} MB, {', '.join(preset.licences)}; {state}\n"
        )


def _install(args: argparse.Namespace) -> None:
    preset = find_preset(args.preset)
    lacks = missing(preset, args.weights)
    if not lacks:
        log.info("preset %s is ready", preset.name)
        return
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
    if not sys.stdin.isatty():
        raise OptionError(f"{megabytes:.0f} MB would be downloaded", remedy="Say so with --yes")
    sys.stdout.write(f"Download {megabytes:.0f} MB under {', '.join(preset.licences)}? [y/N] ")
    sys.stdout.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise OptionError("nothing was downloaded", remedy="Answer y to go on")
